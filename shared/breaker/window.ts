import type { WindowSettings } from './settings.ts'

/**
 * What was reported lately, in buckets of time. A bucket expires by its age, not by the next call,
 * so an hour of silence leaves nothing behind. All sums commute: the order in which reports of
 * different isolates arrive cannot matter.
 */
export interface Window {
  /** Rising by index, at most as many as the settings say. */
  buckets: Bucket[]
}

/** Weighted by how many each report stands for. */
export interface Tally {
  calls: number
  /** Answered in time or slowly. */
  succeeded: number
  slow: number
  /** Of either kind. */
  failed: number
  /** No answer at all. */
  hard: number
}

export interface Bucket {
  readonly index: number
  readonly startsAt: number
  readonly total: Tally
  readonly byKey: Map<string, Tally>
  readonly reporters: Reporters
  firstFailureAt: number
}

/** Distinct isolates, each set bounded: a quorum is small. */
export interface Reporters {
  readonly all: Set<string>
  readonly failing: Set<string>
  readonly slow: Set<string>
  readonly hard: Set<string>
}

/** Outcomes of requests of one routing key. */
export interface KeyCounts {
  /** Not the routing key itself but a salted hash of it, or what stands for all others. */
  readonly key: string
  readonly succeeded: number
  readonly slow: number
  readonly soft: number
  readonly hard: number
}

export interface Sample {
  readonly at: number
  readonly reporter: string
  readonly weight: number
  readonly counts: readonly KeyCounts[]
}

const MAX_REPORTERS = 64

export const startWindow = (): Window => ({ buckets: [] })

export function addSample(window: Window, settings: WindowSettings, sample: Sample): void {
  const bucket = findBucket(window, settings, sample.at)
  for (const counts of sample.counts) {
    if (!hasCounts(counts)) continue
    addCounts(bucket.total, counts, sample.weight)
    addCounts(readTally(bucket.byKey, counts.key), counts, sample.weight)
    noteReporter(bucket.reporters, sample.reporter, counts)
    if (counts.soft + counts.hard > 0)
      bucket.firstFailureAt = Math.min(bucket.firstFailureAt, sample.at)
  }
}

const hasCounts = ({ succeeded, slow, soft, hard }: KeyCounts): boolean =>
  succeeded + slow + soft + hard > 0

function findBucket(window: Window, settings: WindowSettings, at: number): Bucket {
  const widthMs = settings.durationMs / settings.buckets
  const index = Math.floor(at / widthMs)
  const place = window.buckets.findLastIndex((bucket) => bucket.index <= index)
  const found = window.buckets[place]
  if (found?.index === index) return found
  const bucket: Bucket = {
    index,
    startsAt: index * widthMs,
    total: startTally(),
    byKey: new Map(),
    reporters: { all: new Set(), failing: new Set(), slow: new Set(), hard: new Set() },
    firstFailureAt: Number.POSITIVE_INFINITY,
  }
  window.buckets.splice(place + 1, 0, bucket)
  return bucket
}

export const startTally = (): Tally => ({ calls: 0, succeeded: 0, slow: 0, failed: 0, hard: 0 })

function addCounts(tally: Tally, counts: KeyCounts, weight: number): void {
  const { succeeded, slow, soft, hard } = counts
  tally.calls += (succeeded + slow + soft + hard) * weight
  tally.succeeded += (succeeded + slow) * weight
  tally.slow += slow * weight
  tally.failed += (soft + hard) * weight
  tally.hard += hard * weight
}

export function addTally(sum: Tally, part: Tally): void {
  sum.calls += part.calls
  sum.succeeded += part.succeeded
  sum.slow += part.slow
  sum.failed += part.failed
  sum.hard += part.hard
}

function readTally(byKey: Map<string, Tally>, key: string): Tally {
  const known = byKey.get(key)
  if (known !== undefined) return known
  const tally = startTally()
  byKey.set(key, tally)
  return tally
}

function noteReporter(reporters: Reporters, reporter: string, counts: KeyCounts): void {
  const { all, failing, slow, hard } = reporters
  addBounded(all, reporter)
  if (counts.soft + counts.hard > 0) addBounded(failing, reporter)
  if (counts.slow > 0) addBounded(slow, reporter)
  if (counts.hard > 0) addBounded(hard, reporter)
}

function addBounded(set: Set<string>, value: string): void {
  if (set.size < MAX_REPORTERS) set.add(value)
}

/** Forgets what is older than the window. */
export function expire(window: Window, { durationMs, buckets }: WindowSettings, now: number): void {
  const oldest = Math.floor(now / (durationMs / buckets)) - buckets
  if ((window.buckets[0]?.index ?? now) <= oldest)
    window.buckets = window.buckets.filter(({ index }) => index > oldest)
}

/** Everything of the last `durationMs`, as far as whole buckets go. */
export function sumSince(buckets: readonly Bucket[], now: number, durationMs: number): Tally {
  const sum = startTally()
  for (const { startsAt, total } of buckets) if (startsAt > now - durationMs) addTally(sum, total)
  return sum
}
