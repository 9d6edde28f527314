import { advance, type Breaker } from './machine.ts'
import type { RampSettings } from './settings.ts'
import type { BreakerState, Phase } from './state.ts'

/**
 * What an isolate is told of a breaker. Durations, no times: clocks of different machines are never
 * compared, and whoever receives it counts from then on.
 */
export interface BreakerView {
  readonly epoch: number
  readonly version: number
  readonly generation: number
  readonly phase: Phase
  /** An operator's word: it does not fade while it is repeated. */
  readonly isForced: boolean
  /** Until the open phase ends, or the operator's word; 0 in the other phases. */
  readonly leftMs: number
  /** How much of the ramp has passed; 0 in the other phases. */
  readonly rampedMs: number
  readonly isDraining: boolean
  /** Indexes of the endpoints that fail their active checks, rising. */
  readonly unhealthy: readonly number[]
}

/** A view that somebody else hands on: how long ago the breaker's object said so. */
export interface ToldView extends BreakerView {
  readonly ageMs: number
}

export function readView(breaker: Breaker, now: number): BreakerView {
  advance(breaker, now)
  const { epoch, version, generation, phase, override, since } = breaker.state
  const { isDraining, unhealthy } = breaker.state
  const isForced = override !== null
  return {
    epoch,
    version,
    generation,
    phase: override === null ? phase : override.mode === 'forced_open' ? 'open' : 'closed',
    isForced,
    leftMs: readLeftMs(breaker.state, now),
    rampedMs: isForced || phase !== 'recovering' ? 0 : now - since,
    isDraining,
    unhealthy,
  }
}

function readLeftMs({ override, phase, openUntil }: BreakerState, now: number): number {
  if (override !== null) return override.until - now
  return phase === 'open' ? openUntil - now : 0
}

/** It counts only as long as its object repeats it. */
export const isTransient = ({ isForced, unhealthy }: BreakerView): boolean =>
  isForced || unhealthy.length > 0

/** Views of one breaker are totally ordered; undefined is older than all. */
export function isNewerView(candidate: BreakerView, held: BreakerView | undefined): boolean {
  if (held === undefined || candidate.epoch !== held.epoch)
    return held === undefined || candidate.epoch > held.epoch
  return candidate.version > held.version
}

/** The share of routing keys that is admitted, from 0 to 1; it never falls while a ramp goes on. */
export function readWeight({ phase }: BreakerView, rampedMs: number, ramp: RampSettings): number {
  if (phase === 'closed') return 1
  if (phase !== 'recovering') return 0
  const { durationMs, minimumWeight, exponent } = ramp
  const passed = Math.min(1, rampedMs / durationMs)
  return Math.max(minimumWeight, passed ** (1 / exponent))
}
