import type { Exchange } from './exchange.ts'

/** Nginx's number for "the client closed the connection": known to every log reader. */
export const CLIENT_CLOSED_REQUEST = 499

const LONGEST_PATH = 2_048

/**
 * One JSON line per request, as a string, so that log tailing can parse it. No query, no cookie,
 * no token, no endpoint's address: an endpoint is told by its index.
 */
export function logRequest(exchange: Exchange, status: number): void {
  const { trail, request, startedAt } = exchange
  if (trail.isLogged) return
  trail.isLogged = true
  const now = Date.now()
  const line = JSON.stringify({
    timestamp: new Date(now).toISOString(),
    event: 'request',
    request_id: exchange.requestId,
    method: exchange.method,
    path: exchange.target.path.slice(0, LONGEST_PATH),
    routing_key: trail.routingKey,
    placement_key: (trail.placement ?? trail.decision?.placement)?.name ?? null,
    route_reason: trail.decision?.reason ?? null,
    failover_reason: trail.failoverReason,
    circuit_state: trail.circuitState,
    config_revision: trail.revision,
    endpoint: trail.endpoint,
    attempts: trail.attempts,
    status_code: trail.clientLeft ? CLIENT_CLOSED_REQUEST : status,
    duration_ms: now - startedAt,
    upstream_ms: trail.upstreamMs,
    colo: request.cf?.colo ?? null,
  })
  // biome-ignore lint/suspicious/noConsole: the console is where the platform collects log lines.
  console.log(line)
}
