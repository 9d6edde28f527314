import type { Report } from '../../../shared/breaker/machine.ts'
import { type BreakerSettings, readBreakerSettings } from '../../../shared/breaker/settings.ts'
import type { CircuitBreakerSettings } from '../../../shared/config/snapshot.ts'

/** What a document without a word about its breaker gets, without jitter. */
export const PLAIN: CircuitBreakerSettings = {
  consecutiveFailures: 5,
  openForMs: 30_000,
  openForMaxMs: 300_000,
  jitter: 0,
  window: { durationMs: 20_000, minimumRequests: 20, failureRate: 0.5 },
  halfOpen: { probes: 5, maxFailures: 1, concurrent: 3 },
  recoveryMs: 30_000,
}

/** What a document of the baseline gets. */
export const BASELINE: CircuitBreakerSettings = {
  consecutiveFailures: 3,
  openForMs: 2_000,
  openForMaxMs: 2_000,
  jitter: 0,
  window: null,
  halfOpen: { probes: 1, maxFailures: 0, concurrent: 1 },
  recoveryMs: 0,
}

export const printSettings = (config: Partial<CircuitBreakerSettings> = {}): BreakerSettings =>
  readBreakerSettings({ ...PLAIN, ...config }, 10_000)

/** Of requests with one routing key, admitted under the current generation, just now. */
export function printReport({
  reporter = 'r',
  sequence = 0,
  key = 'k',
  succeeded = 0,
  failed = 0,
  trailing = failed,
}: {
  reporter?: string
  sequence?: number
  key?: string
  succeeded?: number
  failed?: number
  trailing?: number
}): Report {
  return {
    reporter,
    sequence,
    epoch: null,
    generation: null,
    ageMs: 0,
    share: 1,
    isBeacon: false,
    isSuspect: false,
    counts: [{ key, succeeded, slow: 0, soft: failed, hard: 0 }],
    trailingFailures: trailing,
  }
}
