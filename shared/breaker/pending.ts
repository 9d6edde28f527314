import type { BreakerReport } from '../rpc/breaker.ts'
import type { Outcome } from './classify.ts'
import type { ProbeOutcome } from './probes.ts'
import type { BreakerView } from './view.ts'
import type { KeyCounts } from './window.ts'

/** What an isolate has to report of a placement, until it does. Changed in place. */
export interface Pending {
  epoch: number | null
  generation: number | null
  /** Of the first outcome in it. */
  since: number
  /** By key bucket, 0 to 255. */
  readonly byKey: Map<number, Counts>
  succeeded: number
  failed: number
  /** Failures since the isolate's last success. */
  streak: number
  probes: { permit: string; outcome: ProbeOutcome }[]
}

interface Counts {
  succeeded: number
  soft: number
  hard: number
}

/** Under which view a request was admitted. */
export type Stamp = Pick<BreakerView, 'epoch' | 'generation'> | undefined

const KEY_BUCKETS = 256
const MAX_KEYS = 16
const MAX_PROBES = 16
/** Stands for all keys that are not named. */
const OTHER_KEYS = 'other'

export const startPending = (): Pending => ({
  epoch: null,
  generation: null,
  since: 0,
  byKey: new Map(),
  succeeded: 0,
  failed: 0,
  streak: 0,
  probes: [],
})

/** Evidence of two generations does not mix: the older one would be refused anyway. */
export function noteOutcome(
  pending: Pending,
  stamp: Stamp,
  keyHash: number,
  outcome: Exclude<Outcome, 'neutral'>,
  now: number,
): void {
  const epoch = stamp?.epoch ?? null
  const generation = stamp?.generation ?? null
  if (epoch !== pending.epoch || generation !== pending.generation) {
    clearPending(pending)
    pending.streak = 0
    pending.epoch = epoch
    pending.generation = generation
  }
  if (pending.succeeded + pending.failed === 0) pending.since = now
  const counts = readCounts(pending.byKey, keyHash % KEY_BUCKETS)
  counts[outcome]++
  if (outcome === 'succeeded') {
    pending.succeeded++
    pending.streak = 0
  } else {
    pending.failed++
    pending.streak++
  }
}

export function noteProbe(pending: Pending, permit: string, outcome: ProbeOutcome): void {
  if (pending.probes.length < MAX_PROBES) pending.probes.push({ permit, outcome })
}

function readCounts(byKey: Pending['byKey'], bucket: number): Counts {
  const known = byKey.get(bucket)
  if (known !== undefined) return known
  const counts = { succeeded: 0, soft: 0, hard: 0 }
  byKey.set(bucket, counts)
  return counts
}

/** The streak goes on: it is of the isolate, not of a report. */
function clearPending(pending: Pending): void {
  pending.byKey.clear()
  pending.succeeded = 0
  pending.failed = 0
}

/** What the caller knows beside the counts. */
export type Envelope = Omit<
  BreakerReport,
  'epoch' | 'generation' | 'ageMs' | 'counts' | 'trailingFailures' | 'probes'
>

/**
 * Takes everything out of it. The age is half the time that it was gathered over: outcomes are
 * spread over it, and a report has one age.
 */
export function drainPending(pending: Pending, envelope: Envelope, now: number): BreakerReport {
  const { epoch, generation, since, streak, failed, probes } = pending
  const report: BreakerReport = {
    ...envelope,
    epoch,
    generation,
    ageMs: pending.succeeded + failed === 0 ? 0 : (now - since) / 2,
    counts: listCounts(pending.byKey),
    trailingFailures: Math.min(streak, failed),
    probes,
  }
  clearPending(pending)
  pending.probes = []
  return report
}

function listCounts(byKey: Pending['byKey']): KeyCounts[] {
  const worst = [...byKey].sort(([, a], [, b]) => b.soft + b.hard - a.soft - a.hard)
  const named = worst.slice(0, MAX_KEYS).map(([bucket, counts]) => print(String(bucket), counts))
  if (worst.length <= MAX_KEYS) return named
  const other = { succeeded: 0, soft: 0, hard: 0 }
  for (const [, { succeeded, soft, hard }] of worst.slice(MAX_KEYS)) {
    other.succeeded += succeeded
    other.soft += soft
    other.hard += hard
  }
  return [...named, print(OTHER_KEYS, other)]
}

const print = (key: string, counts: Counts): KeyCounts => ({ key, slow: 0, ...counts })
