import { listNominated } from '../../shared/proxy/headers.ts'
import type { Exchange } from './exchange.ts'
import { Refusal } from './refusal.ts'
import { isWebSocketUpgrade } from './upstream-request.ts'

/**
 * The client's answer from an upstream's: body untouched (the same bytes, length and ETag also when
 * compressed), fields of that hop removed, the reason for the decision added.
 */
export function buildClientResponse(
  { trail, requestId }: Exchange,
  upstream: Response,
  body: ReadableStream | null,
  encodeBody: 'automatic' | 'manual',
): Response {
  const response = rebuild(upstream, body, encodeBody)
  const { headers } = response
  for (const name of listNominated(headers.get('connection'))) headers.delete(name)
  for (const name of OWN_TO_ROUTER) headers.delete(name)
  const { decision, placement, failoverReason, circuitState } = trail
  headers.set('x-routed-to', placement?.name ?? '')
  headers.set('x-route-reason', decision?.reason ?? '')
  headers.set('x-circuit-state', circuitState ?? 'unknown')
  if (failoverReason !== null) headers.set('x-failover-reason', failoverReason)
  headers.set('x-config-revision', String(trail.revision))
  headers.set('x-request-id', requestId)
  return response
}

/** Copies of these from a cell would be lies about this router; those set below are overwritten. */
const OWN_TO_ROUTER = [
  'x-failover-reason',
  'proxy-status',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authentication-info',
]

const isBodyless = (status: number): boolean => status === 204 || status === 205 || status === 304

function rebuild(
  upstream: Response,
  body: ReadableStream | null,
  encodeBody: 'automatic' | 'manual',
): Response {
  const { status, headers, statusText, webSocket } = upstream
  if (status === 101) return new Response(null, { status, webSocket, headers })
  if (isBodyless(status)) return new Response(null, upstream)
  if (encodeBody === 'automatic') return new Response(body, upstream)
  return new Response(body, { status, statusText, headers, encodeBody })
}

/**
 * An answer that cannot be passed on as it is: a status that the platform's Response does not take;
 * a coding that the platform would drop although it explains the bytes (`gzip, chunked`); an
 * upgrade that nobody asked for, in a protocol unknown to the client.
 */
export function refuseUnpassable(exchange: Exchange, upstream: Response): void {
  const { status, webSocket, headers } = upstream
  const coding = headers.get('transfer-encoding')
  const isPassable =
    status === 101
      ? webSocket !== null && isWebSocketUpgrade(exchange)
      : status >= 200 && status <= 599 && (coding === null || coding.toLowerCase() === 'chunked')
  if (!isPassable) throw new Refusal({ code: 'upstream_invalid' })
}
