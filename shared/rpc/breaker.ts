import type { ProbeOutcome } from '../breaker/probes.ts'
import type { OverrideMode } from '../breaker/state.ts'
import type { BreakerView, ToldView } from '../breaker/view.ts'
import type { KeyCounts } from '../breaker/window.ts'
import type { CircuitBreakerSettings, Endpoint, HealthCheckSettings } from '../config/snapshot.ts'
import type { Problem } from '../problem/problem.ts'
import type { Result } from '../result.ts'

/** The messages that isolates, the coordinator and the breaker objects exchange. Plain data only. */

/** What an isolate saw of a placement's answers since its last report. A few hundred bytes. */
export interface BreakerReport {
  readonly placement: string
  /** 96 random bits, hex: an isolate's own from its start on. */
  readonly reporter: string
  /** Rises by one per report of this isolate, over all placements. */
  readonly sequence: number
  /** Of the view under which the requests were admitted; null: there was none. */
  readonly epoch: number | null
  readonly generation: number | null
  readonly ageMs: number
  /** The share of its reports that the isolate sends, above 0 up to 1. */
  readonly share: number
  readonly isBeacon: boolean
  readonly isSuspect: boolean
  /** At most 17: the 16 keys that failed most, and all others together. */
  readonly counts: readonly KeyCounts[]
  readonly trailingFailures: number
  readonly probes: readonly { readonly permit: string; readonly outcome: ProbeOutcome }[]
  readonly wantsPermit: boolean
}

export interface BreakerReply {
  readonly view: BreakerView
  readonly permit: GrantedPermit | null
  /** Back-pressure: the share of reports that the isolate shall send from now on. */
  readonly share: number
}

export interface GrantedPermit {
  readonly id: string
  readonly generation: number
  /** To be used within. */
  readonly leftMs: number
}

export interface PlacementView {
  readonly placement: string
  readonly view: ToldView
}

/** One per placement; those of a breaker that never opened are left out. */
export type Views = readonly PlacementView[]

/** A placement as its breaker object needs it. */
export interface BreakerConfig {
  readonly placement: string
  /** Of the config that it comes from: an older one never replaces a newer. */
  readonly revision: number
  readonly circuitBreaker: CircuitBreakerSettings
  readonly healthCheck: HealthCheckSettings | null
  readonly endpoints: readonly Endpoint[]
  /** How long an answer may take to begin. */
  readonly headersMs: number
}

export interface OverrideRequest {
  readonly mode: OverrideMode
  readonly ttlMs: number
  readonly owner: string
  readonly reason: string
}

export interface BreakerStatus {
  readonly placement: string
  readonly revision: number
  readonly view: BreakerView
  readonly state: 'closed' | 'open' | 'half_open' | 'recovering'
  /** Why it opened last. */
  readonly reason: string | null
  /** RFC 3339. */
  readonly since: string
  /** RFC 3339; null unless open. */
  readonly nextProbeAt: string | null
  readonly override: {
    readonly mode: OverrideMode
    readonly until: string
    readonly owner: string
    readonly reason: string
  } | null
  readonly isDraining: boolean
  /** null: it is not checked. `unhealthy`: indexes of its endpoints. */
  readonly health: { readonly isHealthy: boolean; readonly unhealthy: readonly number[] } | null
  /** Of the window. */
  readonly recent: {
    readonly calls: number
    readonly failed: number
    readonly reporters: number
  }
}

/**
 * The RPC surface of a placement's breaker object. An object that was never configured, or has
 * been retired, refuses with `placement_not_found` and stores nothing.
 */
export interface BreakerApi {
  report(
    report: BreakerReport,
  ): Result<BreakerReply, Problem> | Promise<Result<BreakerReply, Problem>>
  configure(config: BreakerConfig): void | Promise<void>
  retire(revision: number): void | Promise<void>
  view(): Result<BreakerView, Problem> | Promise<Result<BreakerView, Problem>>
  status(): Result<BreakerStatus, Problem> | Promise<Result<BreakerStatus, Problem>>
  override(
    request: OverrideRequest,
  ): Result<BreakerView, Problem> | Promise<Result<BreakerView, Problem>>
  /** Whether it shall get no new requests, until told otherwise. */
  drain(
    isDraining: boolean,
    owner: string,
  ): Result<BreakerView, Problem> | Promise<Result<BreakerView, Problem>>
  clearOverride(): Result<BreakerView, Problem> | Promise<Result<BreakerView, Problem>>
}
