import { listNominated } from '../../shared/proxy/headers.ts'
import type { Decision } from '../../shared/routing/decide.ts'
import type { Exchange } from './exchange.ts'
import { Refusal } from './refusal.ts'
import { isWebSocketUpgrade } from './upstream-request.ts'

/**
 * The client's answer from an upstream's: body untouched (the same bytes, length and ETag also when
 * compressed), fields of that hop removed, the reason for the decision added.
 */
export function buildClientResponse(
  exchange: Exchange,
  decision: Decision,
  upstream: Response,
  body: ReadableStream | null,
  encodeBody: 'automatic' | 'manual',
): Response {
  const response = rebuild(exchange, upstream, body, encodeBody)
  const { headers } = response
  for (const name of listNominated(headers.get('connection'))) headers.delete(name)
  for (const name of OWN_TO_ROUTER) headers.delete(name)
  headers.set('x-routed-to', decision.placement.name)
  headers.set('x-route-reason', decision.reason)
  headers.set('x-config-revision', String(decision.revision))
  headers.set('x-request-id', exchange.requestId)
  return response
}

/** Copies of these from a cell would be lies about this router; those set below are overwritten. */
const OWN_TO_ROUTER = [
  'x-failover-reason',
  'x-circuit-state',
  'proxy-status',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authentication-info',
]

const isBodyless = (status: number): boolean => status === 204 || status === 205 || status === 304

function rebuild(
  exchange: Exchange,
  upstream: Response,
  body: ReadableStream | null,
  encodeBody: 'automatic' | 'manual',
): Response {
  const { status } = upstream
  if (status === 101) return rebuildUpgrade(exchange, upstream)
  // 1xx and numbers beyond 599 cannot be passed on: the platform's Response refuses them.
  if (status < 200 || status > 599 || hasUnknownCoding(upstream))
    throw new Refusal({ code: 'upstream_invalid' })
  if (isBodyless(status)) return new Response(null, upstream)
  if (encodeBody === 'automatic') return new Response(body, upstream)
  const { headers, statusText } = upstream
  return new Response(body, { status, statusText, headers, encodeBody })
}

/** `gzip, chunked`: the platform would pass the bytes on and drop the word that explains them. */
function hasUnknownCoding(upstream: Response): boolean {
  const coding = upstream.headers.get('transfer-encoding')
  return coding !== null && coding.toLowerCase() !== 'chunked'
}

/** An upgrade that nobody asked for would hand the client a connection in a protocol unknown to it. */
function rebuildUpgrade(exchange: Exchange, upstream: Response): Response {
  const { webSocket } = upstream
  if (webSocket === null || !isWebSocketUpgrade(exchange.request.headers))
    throw new Refusal({ code: 'upstream_invalid' })
  return new Response(null, { status: 101, webSocket, headers: upstream.headers })
}
