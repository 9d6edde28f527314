import { classifyStatus } from '../../shared/breaker/classify.ts'
import type { ProbeOutcome } from '../../shared/breaker/probes.ts'
import type { Placement, Snapshot } from '../../shared/config/snapshot.ts'
import { openEndpoint } from './endpoints.ts'
import type { Exchange } from './exchange.ts'
import { writeUpstreamHeaders } from './upstream-request.ts'

/** Sends a probe behind its request. */
export type SendProbe = () => Promise<ProbeOutcome>

/**
 * The request that asked for a permit has been answered by somebody else when the permit comes. In
 * a busy isolate a later request uses it. Where requests are rare there is none in time, and the
 * placement would hardly ever be tried again: then the same request is sent once more, for its
 * outcome alone. Only safe requests (RFC 9110 section 9.2.1); undefined: this one is not.
 */
export function prepareProbe(
  exchange: Exchange,
  snapshot: Snapshot,
  placement: Placement,
  endpointIndex: number,
): SendProbe | undefined {
  const { method, request, body, survey } = exchange
  const isSafe = (method === 'GET' || method === 'HEAD') && body === null
  if (!isSafe || survey.has('upgrade')) return undefined
  return async () => {
    const endpoint = placement.endpoints[endpointIndex]
    const upstream = endpoint && openEndpoint(endpoint, exchange.target, exchange.env)
    if (upstream === undefined) return 'neutral'
    const init: RequestInit = {
      method,
      headers: writeUpstreamHeaders(exchange, snapshot),
      redirect: 'manual',
      signal: AbortSignal.timeout(placement.timeouts.headersMs),
    }
    if (!upstream.isOverNetwork) init.cf = request.cf ?? {}
    else if (exchange.settings.platform === 'cloudflare') init.cache = 'no-store'
    try {
      const response = await upstream.fetch(upstream.url, init)
      response.body?.cancel().catch(() => {})
      return readOutcome(response.status)
    } catch {
      return 'failed'
    }
  }
}

function readOutcome(status: number): ProbeOutcome {
  const outcome = classifyStatus(status)
  return outcome === 'soft' || outcome === 'hard' ? 'failed' : outcome
}
