import type { CircuitBreakerSettings } from '../../shared/config/snapshot.ts'
import type { BreakerConfig, BreakerReport } from '../../shared/rpc/breaker.ts'
import { aPlacement } from './a-config.ts'

export const PLACEMENT = 'visa'

/** As the coordinator sends it. */
export function printConfig(
  circuitBreaker: Partial<CircuitBreakerSettings> = {},
  revision = 1,
): BreakerConfig {
  const { circuitBreaker: plain, healthCheck, endpoints, timeouts } = aPlacement()
  const settings = { ...plain, jitter: 0, ...circuitBreaker }
  const rest = { healthCheck, endpoints, headersMs: timeouts.headersMs }
  return { placement: PLACEMENT, revision, circuitBreaker: settings, ...rest }
}

let lastSequence = 0

/** As an isolate sends it; `failed` in a row, of one routing key. */
export const printReport = (changes: Partial<BreakerReport> = {}, failed = 0): BreakerReport => ({
  placement: PLACEMENT,
  reporter: 'r',
  sequence: lastSequence++,
  epoch: null,
  generation: null,
  ageMs: 0,
  share: 1,
  isBeacon: false,
  isSuspect: false,
  counts: failed === 0 ? [] : [{ key: '1', succeeded: 0, slow: 0, soft: failed, hard: 0 }],
  trailingFailures: failed,
  probes: [],
  wantsPermit: false,
  ...changes,
})
