import type { BreakerSettings } from './settings.ts'

/**
 * The breaker as it is stored: small, plain, with absolute deadlines (ms since the epoch), so that
 * an eviction, a deploy or a crash costs evidence and never the state. Every function here is pure.
 */
export interface BreakerState {
  /** The identity of this storage: another after it was lost. */
  readonly epoch: number
  /** The identity of the evidence: what was admitted under another generation is not counted. */
  readonly generation: number
  /** Rises with everything that an isolate can see. */
  readonly version: number
  readonly phase: Phase
  /** When the phase began. */
  readonly since: number
  /** Why it opened last; null: it never did, or it has been reset. */
  readonly reason: OpenReason | null
  /** Openings not yet forgiven: the exponent of the open time. */
  readonly openings: number
  /** Of the open phase; 0 in the others. */
  readonly openUntil: number
  /** Of the closed phase: since when nothing happened that was not forgiven. */
  readonly steadySince: number
  readonly round: Round
  readonly override: Override | null
  /** An operator wants no new requests here, until he says otherwise. */
  readonly isDraining: boolean
  /** Indexes of the endpoints that fail their active checks, rising. */
  readonly unhealthy: readonly number[]
}

export type Phase = 'closed' | 'open' | 'half_open' | 'recovering'

export type OpenReason = 'consecutive' | 'rate' | 'slow' | 'hard' | 'fast' | 'check' | 'probe'

/** The probes of one half-open phase. */
export interface Round {
  /** null: nobody has asked yet, and the phase has no end. */
  readonly firstPermitAt: number | null
  readonly issued: number
  readonly permits: readonly Permit[]
  readonly succeeded: number
  readonly failed: number
}

/** A leased probe. */
export interface Permit {
  readonly id: string
  readonly reporter: string
  readonly expiresAt: number
}

/** An operator's forced state. It lies over the phase, and ends by itself. */
export interface Override {
  readonly mode: OverrideMode
  readonly until: number
  readonly owner: string
  readonly reason: string
}

export type OverrideMode = 'forced_open' | 'forced_closed' | 'metrics_only'

export const noRound: Round = {
  firstPermitAt: null,
  issued: 0,
  permits: [],
  succeeded: 0,
  failed: 0,
}

export function startState(epoch: number, now: number): BreakerState {
  return {
    epoch,
    generation: 1,
    version: 1,
    phase: 'closed',
    since: now,
    reason: null,
    openings: 0,
    openUntil: 0,
    steadySince: now,
    round: noRound,
    override: null,
    isDraining: false,
    unhealthy: [],
  }
}

/** Beside the phases: what an isolate is told as well, and what no evidence depends on. */
export function mark(
  state: BreakerState,
  marks: Partial<Pick<BreakerState, 'isDraining' | 'unhealthy'>>,
): BreakerState {
  return { ...state, ...marks, version: state.version + 1 }
}

/** What every change of phase has in common; evidence of the time before it is void. */
function begin(state: BreakerState, phase: Phase, at: number): BreakerState {
  return {
    ...state,
    phase,
    since: at,
    generation: state.generation + 1,
    version: state.version + 1,
    openUntil: 0,
    steadySince: at,
    round: noRound,
  }
}

/** `random`: from 0 up to 1. It shortens the open time, so that its maximum holds. */
export function open(
  state: BreakerState,
  { opening }: BreakerSettings,
  at: number,
  reason: OpenReason,
  random: number,
): BreakerState {
  return keepOpen({ ...state, openings: state.openings + 1, reason }, opening, at, random)
}

/** Open again without having failed: a round of probes that nobody ended. */
export function reopen(
  state: BreakerState,
  { opening }: BreakerSettings,
  at: number,
  random: number,
): BreakerState {
  return keepOpen(state, opening, at, random)
}

function keepOpen(
  state: BreakerState,
  { firstMs, multiplier, maxMs, jitter }: BreakerSettings['opening'],
  at: number,
  random: number,
): BreakerState {
  const grownMs = firstMs * multiplier ** (Math.max(1, state.openings) - 1)
  const openMs = Math.round(Math.min(maxMs, grownMs) * (1 - jitter * random))
  return { ...begin(state, 'open', at), openUntil: at + openMs }
}

export const halfOpen = (state: BreakerState, at: number): BreakerState =>
  begin(state, 'half_open', at)

/** After enough probes: a ramp, or with a ramp of no length closed at once. */
export function recover(state: BreakerState, settings: BreakerSettings, at: number): BreakerState {
  return begin(state, settings.ramp.durationMs > 0 ? 'recovering' : 'closed', at)
}

/** The ramp has ended: the evidence of its generation stays valid. */
export function endRamp(state: BreakerState, at: number): BreakerState {
  return { ...state, phase: 'closed', since: at, steadySince: at, version: state.version + 1 }
}

export function reset(state: BreakerState, at: number): BreakerState {
  return { ...begin(state, 'closed', at), openings: 0, reason: null, override: null }
}

export function force(state: BreakerState, override: Override): BreakerState {
  const { generation, version } = state
  return { ...state, generation: generation + 1, version: version + 1, round: noRound, override }
}

/**
 * An override that expires or is taken back. What was forced open is verified before it gets its
 * load again; what was forced closed starts afresh.
 */
export function endOverride(state: BreakerState, at: number): BreakerState {
  const { override } = state
  if (override === null) return state
  if (override.mode === 'forced_open') return { ...halfOpen(state, at), override: null }
  return reset(state, at)
}
