import { readBaseline } from './baseline.ts'
import type { Evidence } from './evidence.ts'
import type { RateRules } from './settings.ts'
import type { OpenReason } from './state.ts'
import {
  addTally,
  type Bucket,
  type Reporters,
  startTally,
  sumSince,
  type Tally,
} from './window.ts'

/** The rules over rates: does the evidence say that the placement does not work? */

/** Short of this, how much traffic there should have been is a guess. */
const LEAST_SPAN_MS = 250

interface Case {
  readonly rules: RateRules
  readonly minimumRequests: number
  readonly now: number
  readonly buckets: readonly Bucket[]
  readonly total: Tally
  /** How much traffic there must have been since the first failure, reported or not. */
  readonly expected: number
}

/** The first rule that is met; undefined: none. `minimumRequests` is smaller during a ramp. */
export function findTrip(
  evidence: Evidence,
  rules: RateRules,
  minimumRequests: number,
  now: number,
): OpenReason | undefined {
  const { buckets } = evidence.window
  const total = sumSince(buckets, now, Number.POSITIVE_INFINITY)
  if (total.failed + total.slow === 0) return undefined
  const firstFailureAt = Math.min(...buckets.map((bucket) => bucket.firstFailureAt))
  const spanMs = Math.max(LEAST_SPAN_MS, now - firstFailureAt - rules.lagMs)
  const expected = Number.isFinite(spanMs)
    ? readBaseline(evidence.baseline, rules, now) * spanMs
    : 0
  const one: Case = { rules, minimumRequests, now, buckets, total, expected }
  if (isRateMet(one)) return 'rate'
  if (isSlowRateMet(one)) return 'slow'
  if (isHardRuleMet(one)) return 'hard'
  return isFastRateMet(one) ? 'fast' : undefined
}

function isRateMet(one: Case): boolean {
  const { rules, minimumRequests, total, expected } = one
  return (
    total.calls >= minimumRequests &&
    total.failed / Math.max(total.calls, expected) >= rules.failureRate &&
    hasQuorum(one, 'failing') &&
    isOfAll(one, 'failed', rules.failureRate)
  )
}

function isSlowRateMet(one: Case): boolean {
  const { rules, minimumRequests, total } = one
  return (
    rules.slowRate !== null &&
    total.calls >= minimumRequests &&
    total.slow / total.calls >= rules.slowRate &&
    hasQuorum(one, 'slow') &&
    isOfAll(one, 'slow', rules.slowRate)
  )
}

/** In place of "N in a row", which has no meaning between isolates: N, and nothing succeeded. */
function isHardRuleMet(one: Case): boolean {
  const { rules, buckets, now, expected } = one
  const recent = sumSince(buckets, now, rules.hard.durationMs)
  return (
    recent.hard >= Math.max(rules.hard.failures, rules.failureRate * expected) &&
    recent.succeeded === 0 &&
    hasQuorum(one, 'hard') &&
    isOfAll(one, 'hard', rules.failureRate)
  )
}

function isFastRateMet(one: Case): boolean {
  const { rules, buckets, now, expected } = one
  if (rules.fast === null) return false
  const { durationMs, failureRate, minimumRequests } = rules.fast
  const recent = sumSince(buckets, now, durationMs)
  return (
    recent.calls >= minimumRequests &&
    recent.failed / Math.max(recent.calls, expected) >= failureRate &&
    hasQuorum(one, 'failing') &&
    isOfAll(one, 'failed', failureRate)
  )
}

/** One isolate with a broken way out is not an outage, unless it is the only one. */
function hasQuorum({ rules, buckets }: Case, kind: keyof Reporters): boolean {
  const count = (of: keyof Reporters) =>
    new Set(buckets.flatMap(({ reporters }) => [...reporters[of]])).size
  return count(kind) >= Math.min(rules.quorum, count('all'))
}

/**
 * Leave one out: without any one key, is it still so? Requests of one tenant that kill every
 * answer must not take a shared placement from the others. When the others say too little, only
 * failures that no request can cause by its content decide.
 */
function isOfAll(one: Case, kind: 'failed' | 'slow' | 'hard', rate: number): boolean {
  const { rules, total } = one
  const keys = [...sumByKey(one.buckets).values()]
  if (keys.length === 1) return true
  return keys.every((left) => {
    const restCalls = total.calls - left.calls
    if (restCalls >= rules.restMinimum) return (total[kind] - left[kind]) / restCalls >= rate
    return kind !== 'slow' && total.hard / total.calls >= rules.failureRate
  })
}

function sumByKey(buckets: readonly Bucket[]): Map<string, Tally> {
  const sums = new Map<string, Tally>()
  for (const { byKey } of buckets) {
    for (const [key, tally] of byKey) {
      const sum = sums.get(key) ?? startTally()
      addTally(sum, tally)
      sums.set(key, sum)
    }
  }
  return sums
}
