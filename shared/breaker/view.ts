import { advance, type Breaker } from './machine.ts'
import type { RampSettings } from './settings.ts'
import type { Phase } from './state.ts'

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
  /** Until the open phase ends; 0 in the others. */
  readonly leftMs: number
  /** How much of the ramp has passed; 0 in the other phases. */
  readonly rampedMs: number
}

export function readView(breaker: Breaker, now: number): BreakerView {
  advance(breaker, now)
  const { epoch, version, generation, phase, override, openUntil, since } = breaker.state
  const isForced = override !== null
  return {
    epoch,
    version,
    generation,
    phase: override === null ? phase : override.mode === 'forced_open' ? 'open' : 'closed',
    isForced,
    leftMs: isForced || phase !== 'open' ? 0 : openUntil - now,
    rampedMs: isForced || phase !== 'recovering' ? 0 : now - since,
  }
}

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
