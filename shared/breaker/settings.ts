import type { CircuitBreakerSettings } from '../config/snapshot.ts'

/**
 * Everything the breaker's machine goes by. A document sets part of it; the rest are constants of
 * this page, chosen by simulation. Durations in milliseconds, rates from 0 to 1, both inclusive.
 */
export interface BreakerSettings {
  /** Failures with no success between them, from all isolates together; null: no such rule. */
  readonly consecutiveFailures: number | null
  readonly window: WindowSettings
  readonly rules: RateRules | null
  readonly opening: OpeningSettings
  readonly halfOpen: HalfOpenSettings
  readonly ramp: RampSettings
  readonly checks: CheckSettings
}

/** Evidence is kept in buckets of time, and expires with them. */
export interface WindowSettings {
  readonly durationMs: number
  readonly buckets: number
}

export interface RateRules {
  readonly minimumRequests: number
  readonly failureRate: number
  /** null: slow answers are successes like any other. */
  readonly slowRate: number | null
  /** Opens below `minimumRequests`, when nothing at all has succeeded. */
  readonly hard: { readonly failures: number; readonly durationMs: number }
  /** A shorter window beside the long one, which old successes dilute; null: none. */
  readonly fast: FastRule | null
  /** Isolates that must have seen a failure, if so many have reported at all. */
  readonly quorum: number
  /** Requests that other keys must have made before they speak for the placement. */
  readonly restMinimum: number
  /** Failures are reported sooner than successes: at first, nothing is concluded from rates. */
  readonly warmUpMs: number
  /** Over how long the usual traffic is averaged. */
  readonly baselineMs: number
  /** How much later than a failure the traffic it belongs to is reported. */
  readonly lagMs: number
}

export interface FastRule {
  readonly durationMs: number
  readonly failureRate: number
  readonly minimumRequests: number
}

export interface OpeningSettings {
  readonly firstMs: number
  readonly multiplier: number
  readonly maxMs: number
  /** The share of the open time that is random. */
  readonly jitter: number
  /** A placement that stays closed for so long is forgiven one opening. */
  readonly forgiveMs: number
}

export interface HalfOpenSettings {
  readonly probes: number
  readonly maxFailures: number
  readonly concurrent: number
  /** How long a permit counts: to be used, to be answered, and to be reported. */
  readonly permitMs: number
  /** How much of that is for the answer and its report. */
  readonly answerMs: number
  /** Undecided for so long since the first permit: open again. */
  readonly maxMs: number
}

export interface RampSettings {
  readonly durationMs: number
  readonly minimumWeight: number
  /** 1: linear; more: steeper at first (Envoy's aggression). */
  readonly exponent: number
  readonly minimumRequests: number
}

/** Results of active health checks, as far as the breaker goes by them. */
export interface CheckSettings {
  /** Successes in a row that end an open time early. */
  readonly rise: number
  readonly fall: number
  /** Failures in a row open a closed breaker. */
  readonly opens: boolean
}

const BUCKETS = 10
const FAST_SHARE = 0.2
const FAST_RATE = 0.6

const PERMIT_USE_MS = 5_000
const PROBE_REPORT_MS = 2_000
const LONGEST_ANSWER_MS = 60_000

/**
 * What a placement's `circuitBreaker` means to the machine. `headersMs`: how long an answer may
 * take to begin (`timeouts.headers`).
 */
export function readBreakerSettings(
  config: CircuitBreakerSettings,
  headersMs: number,
): BreakerSettings {
  const { consecutiveFailures, halfOpen, window, recoveryMs } = config
  const minimumRequests = window?.minimumRequests ?? 20
  const answerMs = Math.min(headersMs, LONGEST_ANSWER_MS) + PROBE_REPORT_MS
  const permitMs = PERMIT_USE_MS + answerMs
  return {
    consecutiveFailures,
    window: { durationMs: window?.durationMs ?? 20_000, buckets: BUCKETS },
    rules: window && {
      minimumRequests,
      failureRate: window.failureRate,
      slowRate: null,
      hard: { failures: 5, durationMs: window.durationMs / 2 },
      fast: {
        durationMs: window.durationMs * FAST_SHARE,
        failureRate: Math.max(FAST_RATE, window.failureRate),
        minimumRequests,
      },
      quorum: 2,
      restMinimum: Math.min(5, minimumRequests),
      warmUpMs: window.durationMs / 2,
      baselineMs: 60_000,
      lagMs: 500,
    },
    opening: {
      firstMs: config.openForMs,
      multiplier: 2,
      maxMs: config.openForMaxMs,
      jitter: config.jitter,
      forgiveMs: 60_000,
    },
    halfOpen: { ...halfOpen, permitMs, answerMs, maxMs: Math.max(60_000, 2 * permitMs) },
    ramp: {
      durationMs: recoveryMs,
      minimumWeight: 0.1,
      exponent: 1,
      minimumRequests: Math.ceil(minimumRequests / 2),
    },
    checks: { rise: 2, fall: 3, opens: false },
  }
}
