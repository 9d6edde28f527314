import type { Breaker } from '../shared/breaker/machine.ts'
import type { BreakerView } from '../shared/breaker/view.ts'
import { sumSince } from '../shared/breaker/window.ts'
import type { BreakerConfig, BreakerStatus } from '../shared/rpc/breaker.ts'

/** A breaker as an operator reads it. */
export function printStatus(
  { state, evidence }: Breaker,
  view: BreakerView,
  config: BreakerConfig,
  now: number,
): BreakerStatus {
  const { buckets } = evidence.window
  const { calls, failed } = sumSince(buckets, now, Number.POSITIVE_INFINITY)
  const reporters = new Set(buckets.flatMap((bucket) => [...bucket.reporters.all])).size
  const { override, phase, reason, since, openUntil, isDraining, unhealthy } = state
  return {
    placement: config.placement,
    revision: config.revision,
    view,
    state: view.phase,
    reason,
    since: printTime(since),
    nextProbeAt: override === null && phase === 'open' ? printTime(openUntil) : null,
    override: override && { ...override, until: printTime(override.until) },
    isDraining,
    health: config.healthCheck && {
      isHealthy: unhealthy.length < config.endpoints.length,
      unhealthy,
    },
    recent: { calls, failed, reporters },
  }
}

const printTime = (at: number): string => new Date(at).toISOString()
