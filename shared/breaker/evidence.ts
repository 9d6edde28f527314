import { addBeacon, type Baseline, startBaseline } from './baseline.ts'
import type { WindowSettings } from './settings.ts'
import { addSample, expire, type KeyCounts, startWindow, type Window } from './window.ts'

/** What the breaker knows of the placement's answers. In memory only: an eviction costs a window. */
export interface Evidence {
  window: Window
  readonly baseline: Baseline
  /** Failures since the last success that anybody reported. */
  streak: number
  /** How many of them each isolate has reported: in a row there, whatever others have not told yet. */
  readonly streakByReporter: Map<string, number>
  /** Since when reports have come without a silence as long as the window. */
  warmSince: number
  lastSampleAt: number
}

/** Outcomes of one isolate, as far as the machine goes by them. */
export interface Batch {
  readonly reporter: string
  /** How long ago they were, in ms; what the isolate's clock makes of it, so possibly nonsense. */
  readonly ageMs: number
  /** The share of its reports that the isolate sends: each stands for 1/share. */
  readonly share: number
  /** Sent because it was time, not because something failed. */
  readonly isBeacon: boolean
  readonly counts: readonly KeyCounts[]
  /** Failures since the isolate's last success, at most all of the batch's. */
  readonly trailingFailures: number
}

const MAX_REPORTERS = 1_000

export const startEvidence = (): Evidence => ({
  window: startWindow(),
  baseline: startBaseline(),
  streak: 0,
  streakByReporter: new Map(),
  warmSince: Number.NEGATIVE_INFINITY,
  lastSampleAt: Number.NEGATIVE_INFINITY,
})

/** What was admitted under another generation is void; how much traffic there is stays known. */
export function clearEvidence(evidence: Evidence): void {
  evidence.window = startWindow()
  evidence.streak = 0
  evidence.streakByReporter.clear()
}

export function addBatch(
  evidence: Evidence,
  settings: WindowSettings,
  batch: Batch,
  now: number,
): void {
  const { reporter, ageMs, share, counts } = batch
  const succeeded = sum(counts, (one) => one.succeeded + one.slow)
  const failed = sum(counts, (one) => one.soft + one.hard)
  if (succeeded + failed === 0) return
  const weight = 1 / share
  const at = now - Math.min(settings.durationMs, Math.max(0, ageMs))
  if (now - evidence.lastSampleAt >= settings.durationMs) evidence.warmSince = now
  evidence.lastSampleAt = now
  extendStreak(evidence, reporter, succeeded > 0, succeeded > 0 ? batch.trailingFailures : failed)
  if (batch.isBeacon) addBeacon(evidence.baseline, now, (succeeded + failed) * weight)
  addSample(evidence.window, settings, { at, reporter, weight, counts })
  expire(evidence.window, settings, now)
}

function extendStreak(
  evidence: Evidence,
  reporter: string,
  isNew: boolean,
  failures: number,
): void {
  const { streakByReporter } = evidence
  if (isNew) streakByReporter.clear()
  evidence.streak = (isNew ? 0 : evidence.streak) + failures
  const known = streakByReporter.get(reporter)
  if (known !== undefined || streakByReporter.size < MAX_REPORTERS)
    streakByReporter.set(reporter, (known ?? 0) + failures)
}

function sum(counts: readonly KeyCounts[], read: (one: KeyCounts) => number): number {
  return counts.reduce((total, one) => total + read(one), 0)
}
