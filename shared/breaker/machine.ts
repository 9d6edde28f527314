import { wasSetBack } from '../clock.ts'
import { setBack } from './clock.ts'
import { addBatch, type Batch, clearEvidence, type Evidence, startEvidence } from './evidence.ts'
import { noteSequence, type Replays, startReplays } from './replay.ts'
import type { BreakerSettings } from './settings.ts'
import {
  type BreakerState,
  endOverride,
  endRamp,
  force,
  halfOpen,
  type OpenReason,
  type Override,
  open,
  reopen,
  reset,
} from './state.ts'
import { isStreakMet } from './streak.ts'
import { findTrip } from './trip.ts'

/**
 * The breaker of a placement: reports and time in, transitions out. Its memory is changed in
 * place, its state is replaced; whoever stores it compares the state before and after.
 */
export interface Breaker {
  settings: BreakerSettings
  state: BreakerState
  evidence: Evidence
  readonly replays: Replays
  /** Successes and failures in a row of active checks. */
  readonly checks: { passed: number; failed: number }
  /** How often an override kept it from opening, and whether its rules are met now. */
  readonly observed: { wouldOpen: number; isMet: boolean }
  /** From 0 up to 1: the jitter of open times. */
  readonly random: () => number
  /** When it was last called. */
  lastAt: number
}

export function startBreaker(
  settings: BreakerSettings,
  state: BreakerState,
  random: () => number,
): Breaker {
  return {
    settings,
    state,
    evidence: startEvidence(),
    replays: startReplays(),
    checks: { passed: 0, failed: 0 },
    observed: { wouldOpen: 0, isMet: false },
    random,
    lastAt: state.since,
  }
}

/** Evidence belongs to its generation. */
export function move(breaker: Breaker, next: BreakerState): void {
  if (next.generation !== breaker.state.generation) {
    clearEvidence(breaker.evidence)
    breaker.observed.isMet = false
    breaker.checks.passed = 0
    breaker.checks.failed = 0
  }
  breaker.state = next
}

/** Everything that time alone brings about, each at its own moment, however late this is called. */
export function advance(breaker: Breaker, now: number): void {
  noteClock(breaker, now)
  for (;;) {
    const next = stepInTime(breaker, now)
    if (next === breaker.state) return
    move(breaker, next)
  }
}

function noteClock(breaker: Breaker, now: number): void {
  const { lastAt, state } = breaker
  breaker.lastAt = now
  if (!wasSetBack(lastAt, now)) return
  breaker.state = setBack(state, lastAt - now)
  breaker.evidence = startEvidence()
}

function stepInTime({ state, settings, random }: Breaker, now: number): BreakerState {
  const at = readDeadline(state, settings)
  if (at === null || now < at) return state
  if (state.override !== null) return endOverride(state, at)
  switch (state.phase) {
    case 'open':
      return halfOpen(state, at)
    case 'half_open':
      return reopen(state, settings, at, random())
    case 'recovering':
      return endRamp(state, at)
    case 'closed':
      return { ...state, openings: state.openings - 1, steadySince: at }
  }
}

/** When time alone changes the state next, in ms since the epoch; null: never. */
export function readDeadline(state: BreakerState, settings: BreakerSettings): number | null {
  if (state.override !== null) return state.override.until
  switch (state.phase) {
    case 'open':
      return state.openUntil
    case 'half_open': {
      const { firstPermitAt } = state.round
      return firstPermitAt === null ? null : firstPermitAt + settings.halfOpen.maxMs
    }
    case 'recovering':
      return state.since + settings.ramp.durationMs
    case 'closed':
      return state.openings > 0 ? state.steadySince + settings.opening.forgiveMs : null
  }
}

/** What an isolate sends. */
export interface Report extends Batch {
  readonly sequence: number
  /** As the isolate knew them when it admitted the requests; null: it had no view yet. */
  readonly epoch: number | null
  readonly generation: number | null
  /** Most placements fail in this isolate: its own way out is the likely cause. */
  readonly isSuspect: boolean
}

/** What became of a report. Only what is counted has an effect. */
export type Verdict =
  | 'counted'
  | 'foreign'
  | 'duplicate'
  | 'ignored'
  | 'late'
  | 'future'
  | 'old'
  | 'observed'
  | 'unpermitted'
  | 'suspect'

export function noteReport(breaker: Breaker, report: Report, now: number): Verdict {
  advance(breaker, now)
  const verdict = judge(breaker, report)
  if (verdict !== 'counted') return verdict
  addBatch(breaker.evidence, breaker.settings.window, report, now)
  evaluate(breaker, now)
  return verdict
}

function judge({ state, settings, replays }: Breaker, report: Report): Verdict {
  const { epoch, generation, ageMs } = report
  if (epoch !== null && epoch !== state.epoch) return 'foreign'
  if (!noteSequence(replays, report.reporter, report.sequence)) return 'duplicate'
  const mode = state.override?.mode
  if (mode === 'forced_open' || mode === 'forced_closed') return 'ignored'
  if (generation !== null && generation < state.generation) return 'late'
  if (generation !== null && generation > state.generation) return 'future'
  if (ageMs >= settings.window.durationMs) return 'old'
  if (report.isSuspect) return 'suspect'
  if (mode === 'metrics_only') return 'counted'
  if (state.phase === 'open') return 'observed'
  return state.phase === 'half_open' ? 'unpermitted' : 'counted'
}

function evaluate(breaker: Breaker, now: number): void {
  const { state, settings, observed, random } = breaker
  const reason = findReason(breaker, now)
  if (state.override === null) {
    if (reason !== undefined) move(breaker, open(state, settings, now, reason, random()))
    return
  }
  if (reason !== undefined && !observed.isMet) observed.wouldOpen++
  observed.isMet = reason !== undefined
}

function findReason(breaker: Breaker, now: number): OpenReason | undefined {
  const { state, settings, evidence } = breaker
  const { consecutiveFailures, rules, ramp } = settings
  if (consecutiveFailures !== null && isStreakMet(evidence, consecutiveFailures, rules, now))
    return 'consecutive'
  if (rules === null) return undefined
  const isRamping = state.phase === 'recovering'
  if (!isRamping && now - evidence.warmSince < rules.warmUpMs) return undefined
  return findTrip(evidence, rules, isRamping ? ramp.minimumRequests : rules.minimumRequests, now)
}

/** @throws RangeError for an override without an end */
export function override(breaker: Breaker, forced: Override, now: number): void {
  if (!Number.isFinite(forced.until) || forced.until <= now)
    throw new RangeError('an override must end')
  advance(breaker, now)
  move(breaker, force(breaker.state, forced))
}

/** Acts like its expiry. */
export function clearOverride(breaker: Breaker, now: number): void {
  advance(breaker, now)
  move(breaker, endOverride(breaker.state, now))
}

/** Back to closed, with everything forgiven. */
export function resetBreaker(breaker: Breaker, now: number): void {
  move(breaker, reset(breaker.state, now))
}

/** An active health check. Its success brings the probes forward; it never closes anything. */
export function noteCheck(breaker: Breaker, isHealthy: boolean, now: number): void {
  advance(breaker, now)
  const { state, settings, checks, random } = breaker
  if (state.override !== null) return
  checks.passed = isHealthy ? checks.passed + 1 : 0
  checks.failed = isHealthy ? 0 : checks.failed + 1
  if (state.phase === 'open' && checks.passed >= settings.checks.rise)
    move(breaker, halfOpen(state, now))
  if (state.phase === 'closed' && settings.checks.opens && checks.failed >= settings.checks.fall)
    move(breaker, open(state, settings, now, 'check', random()))
}
