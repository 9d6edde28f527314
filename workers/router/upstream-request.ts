import type { Snapshot } from '../../shared/config/snapshot.ts'
import { appendForwardedFor, appendVia, listNominated } from '../../shared/proxy/headers.ts'
import type { Settings } from '../settings.ts'
import type { Exchange } from './exchange.ts'

/**
 * The header fields for the upstream: end-to-end ones as they came, those of this hop removed,
 * those that the router vouches for set last, so that nothing a client sends can remove them.
 */
export function writeUpstreamHeaders(exchange: Exchange, snapshot: Snapshot): Headers {
  const { request, headers: inbound, survey, settings, target } = exchange
  const headers = new Headers(inbound)
  for (const name of survey.dropped) headers.delete(name)
  if (!snapshot.trustForwarded) for (const name of survey.trails) headers.delete(name)
  if (survey.has('connection'))
    for (const name of listNominated(inbound.get('connection')))
      if (!isKeySource(name, snapshot)) headers.delete(name)
  if (isWebSocketUpgrade(exchange)) headers.set('upgrade', 'websocket')
  const client = readClientAddress(request, settings)
  if (client !== undefined)
    headers.set('x-forwarded-for', appendForwardedFor(readTrail(exchange, snapshot), client))
  headers.set('x-forwarded-proto', target.scheme)
  headers.set('x-forwarded-host', target.authority)
  headers.set('x-request-id', exchange.requestId)
  headers.set('via', appendVia(survey.has('via') ? inbound.get('via') : null))
  return headers
}

/** The header that decided must reach the cell, whatever `Connection` says. */
const isKeySource = (name: string, { routingKey }: Snapshot): boolean =>
  routingKey.some((source) => source.kind === 'header' && source.name.toLowerCase() === name)

/** The one upgrade that passes; any other ends at this hop and is ignored (RFC 9110 section 7.8). */
export const isWebSocketUpgrade = ({ headers, survey }: Exchange): boolean =>
  survey.has('upgrade') && headers.get('upgrade')?.toLowerCase() === 'websocket'

/** What earlier hops say of the client, where it is trusted. */
const readTrail = ({ headers, survey }: Exchange, { trustForwarded }: Snapshot): string | null =>
  trustForwarded && survey.trails.length > 0 ? headers.get('x-forwarded-for') : null

/**
 * The address of the client as the platform vouches for it: the edge's header on Cloudflare, the
 * socket's peer without its port elsewhere. What the client wrote itself never counts.
 */
export function readClientAddress(request: Request, settings: Settings): string | undefined {
  if (settings.platform === 'cloudflare')
    return request.headers.get('cf-connecting-ip') ?? undefined
  const peer = request.cf?.['clientIp']
  return typeof peer === 'string' ? cutPort(peer) : undefined
}

/** "127.0.0.1:5920" and "[::1]:5920" without the port and the brackets. */
function cutPort(peer: string): string {
  const colon = peer.lastIndexOf(':')
  const host = colon === -1 ? peer : peer.slice(0, colon)
  return host.startsWith('[') ? host.slice(1, -1) : host
}
