import { listNominated } from '../../shared/proxy/headers.ts'
import type { Exchange } from './exchange.ts'
import { Refusal } from './refusal.ts'
import { isWebSocketUpgrade } from './upstream-request.ts'

/** An upstream's answer on its way to the client. Each look at a member of it crosses into the platform. */
interface Passing {
  readonly answer: Response
  readonly status: number
  readonly body: ReadableStream | null
  readonly encoding: 'automatic' | 'manual'
}

/**
 * The client's answer from an upstream's: body untouched (the same bytes, length and ETag also when
 * compressed), fields of that hop removed, the reason for the decision added.
 */
export function buildClientResponse({ trail, requestId }: Exchange, passing: Passing): Response {
  const response = rebuild(passing)
  const { headers } = response
  refuseCoding(headers)
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

function rebuild({ answer, status, body, encoding }: Passing): Response {
  if (status === 101) {
    const { webSocket, headers } = answer
    return new Response(null, { status, webSocket, headers })
  }
  if (isBodyless(status)) return new Response(null, answer)
  if (encoding === 'automatic') return new Response(body, answer)
  const { statusText, headers } = answer
  return new Response(body, { status, statusText, headers, encodeBody: encoding })
}

/**
 * An answer that cannot be passed on: a status that the platform's Response does not take; an
 * upgrade that nobody asked for, in a protocol unknown to the client.
 */
export function refuseUnpassable(exchange: Exchange, answer: Response, status: number): void {
  const isPassable =
    status === 101
      ? answer.webSocket !== null && isWebSocketUpgrade(exchange)
      : status >= 200 && status <= 599
  if (!isPassable) throw new Refusal({ code: 'upstream_invalid' })
}

/** A coding that the platform would drop although it explains the bytes (`gzip, chunked`). */
function refuseCoding(headers: Headers): void {
  const coding = headers.get('transfer-encoding')
  if (coding !== null && coding.toLowerCase() !== 'chunked')
    throw new Refusal({ code: 'upstream_invalid' })
}
