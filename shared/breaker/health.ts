import type { HealthCheckSettings } from '../config/snapshot.ts'
import { type Breaker, move, noteCheck } from './machine.ts'
import { mark } from './state.ts'
import { sumSince } from './window.ts'

/**
 * Active health checks: what they say, apart from who makes them. One vantage point must not fail
 * a cell over that answers everybody else.
 */

/** Of one endpoint: results in a row, counted as far as they matter. */
export interface Streak {
  readonly passed: number
  readonly failed: number
}

/** By index of the endpoint; absent: never checked. */
export type Streaks = Readonly<Record<number, Streak>>

export interface CheckResult {
  readonly endpoint: number
  /** Answered with 2xx, in time. */
  readonly isHealthy: boolean
}

/** For so long … */
const WITNESS_MS = 10_000
/** … so many successes of real requests and no failure outweigh any check. */
const WITNESSES = 50

export function countResults(
  streaks: Streaks,
  results: readonly CheckResult[],
  { rise, fall }: Pick<HealthCheckSettings, 'rise' | 'fall'>,
): Streaks {
  const counted = results.map(({ endpoint, isHealthy }) => {
    const { passed, failed } = streaks[endpoint] ?? { passed: 0, failed: 0 }
    const next: Streak = isHealthy
      ? { passed: Math.min(rise, passed + 1), failed: 0 }
      : { passed: 0, failed: Math.min(fall, failed + 1) }
    return [endpoint, next] as const
  })
  return { ...streaks, ...Object.fromEntries(counted) }
}

/**
 * Which endpoints are unhealthy, by their streaks: `fall` failures in a row make one unhealthy,
 * `rise` successes healthy again. What was never checked is healthy.
 */
export function listFailing(
  streaks: Streaks,
  before: readonly number[],
  { rise, fall }: Pick<HealthCheckSettings, 'rise' | 'fall'>,
): readonly number[] {
  return Object.entries(streaks)
    .filter(([endpoint, { passed, failed }]) =>
      before.includes(Number(endpoint)) ? passed < rise : failed >= fall,
    )
    .map(([endpoint]) => Number(endpoint))
    .sort((a, b) => a - b)
}

export type HealthVerdict = 'unchanged' | 'changed' | 'disagrees'

/** Applies a round of checks. `disagrees`: real requests say otherwise, so nothing changes. */
export function noteHealth(
  breaker: Breaker,
  failing: readonly number[],
  now: number,
): HealthVerdict {
  const before = breaker.state.unhealthy
  if (isEqual(failing, before)) return 'unchanged'
  const isWorse = failing.some((endpoint) => !before.includes(endpoint))
  if (isWorse && isAnsweringWell(breaker, now)) return 'disagrees'
  move(breaker, mark(breaker.state, { unhealthy: failing }))
  return 'changed'
}

/** It fails no check any more: if its breaker is open by a rate, probes need not wait. */
export function hurryProbes(breaker: Breaker, now: number): void {
  if (breaker.settings.rules === null) return
  for (let passed = 0; passed < breaker.settings.checks.rise; passed++)
    noteCheck(breaker, true, now)
}

const isEqual = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((endpoint, i) => endpoint === b[i])

function isAnsweringWell({ evidence }: Breaker, now: number): boolean {
  const { succeeded, failed } = sumSince(evidence.window.buckets, now, WITNESS_MS)
  return succeeded >= WITNESSES && failed === 0
}
