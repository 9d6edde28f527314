import type { RateRules } from './settings.ts'

/**
 * The usual traffic, from beacons: reports that isolates send whether or not anything failed. Only
 * failures are reported at once, so without it the successes that belong to them are missing, and
 * every error looks like an outage.
 */
export interface Baseline {
  /** Rising in time, one per second at most. */
  beacons: { second: number; calls: number }[]
  firstAt: number | null
}

/** No rate is concluded from less. */
const LEAST_MS = 10_000

export const startBaseline = (): Baseline => ({ beacons: [], firstAt: null })

export function addBeacon(baseline: Baseline, now: number, calls: number): void {
  const second = Math.floor(now / 1000)
  const last = baseline.beacons.at(-1)
  baseline.firstAt ??= now
  if (last !== undefined && last.second >= second) last.calls += calls
  else baseline.beacons.push({ second, calls })
}

/** Calls per millisecond over the last `baselineMs`; 0 when no beacon was heard. */
export function readBaseline(
  baseline: Baseline,
  { baselineMs }: Pick<RateRules, 'baselineMs'>,
  now: number,
): number {
  const oldest = Math.floor((now - baselineMs) / 1000)
  if ((baseline.beacons[0]?.second ?? oldest + 1) <= oldest)
    baseline.beacons = baseline.beacons.filter(({ second }) => second > oldest)
  if (baseline.beacons.length === 0) baseline.firstAt = null
  if (baseline.firstAt === null) return 0
  const calls = baseline.beacons.reduce((sum, beacon) => sum + beacon.calls, 0)
  return calls / Math.min(baselineMs, Math.max(LEAST_MS, now - baseline.firstAt))
}
