import { readBaseline } from './baseline.ts'
import type { Evidence } from './evidence.ts'
import type { RateRules } from './settings.ts'
import { sumSince } from './window.ts'

/**
 * The rule of N failures with no success between them. Within one isolate that is a fact. Between
 * isolates it is not: they report failures at once and successes later, so in a large fleet any
 * few errors look like a streak. There it takes the usual traffic to have failed as well.
 */

type Rules = Pick<RateRules, 'warmUpMs' | 'baselineMs' | 'lagMs'>

/** Of a placement without rules over rates. */
const PLAIN: Rules = { warmUpMs: 10_000, baselineMs: 60_000, lagMs: 500 }
const RECENT_MS = 4_000
const LEAST_SPAN_MS = 250
/** Of the traffic that there should have been. */
const LEAST_SHARE = 0.5

export function isStreakMet(
  evidence: Evidence,
  failures: number,
  rules: Rules | null,
  now: number,
): boolean {
  if (evidence.streak < failures) return false
  const longest = Math.max(...evidence.streakByReporter.values())
  return longest >= failures || isTrafficFailing(evidence, rules ?? PLAIN, now)
}

function isTrafficFailing({ window, baseline, warmSince }: Evidence, rules: Rules, now: number) {
  if (now - warmSince < rules.warmUpMs) return false
  const recent = window.buckets.filter(({ startsAt }) => startsAt > now - RECENT_MS)
  const { calls, failed } = sumSince(recent, now, RECENT_MS)
  const firstFailureAt = Math.min(now, ...recent.map((bucket) => bucket.firstFailureAt))
  const spanMs = Math.max(LEAST_SPAN_MS, now - firstFailureAt - rules.lagMs)
  const expected = readBaseline(baseline, rules, now) * spanMs
  return failed > 0 && failed >= LEAST_SHARE * Math.max(calls, expected)
}
