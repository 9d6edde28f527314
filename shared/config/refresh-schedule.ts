import { wasSetBack } from '../clock.ts'
import { MAX_INTERVAL_MS, MIN_INTERVAL_MS } from './refresh.ts'

/**
 * When an isolate refreshes its snapshot, what a request does meanwhile, and which copy wins.
 *
 * An answer of the coordinator lives one interval and is shared by all isolates of a colo, so all
 * of them would ask at the moment it expires. Each of them therefore goes a little early, by an
 * exponentially distributed lead: the gap between the first and the second is then the same
 * however many they are (Vattani, Chierichetti, Lowenstein: Optimal Probabilistic Cache Stampede
 * Prevention, VLDB 2015), and the first has renewed the answer before the others look.
 */

/** Older than this, in an isolate that slept, a request waits for the refresh it starts. */
export const MAX_STALE_MS = 30_000
/** … but no longer than this after the refresh began. */
export const MAX_WAIT_MS = 100
/** A load that takes longer is an orphan: its request is gone and it will never settle. */
export const STUCK_MS = 8_000

/** Mean lead, as a share of the time that is left. */
const LEAD_SHARE = 0.05
/** An isolate is asleep, not merely between two requests, when it is late by this much. */
const ASLEEP_MS = 5_000
const MIN_RETRY_MS = 1_000
/** With up to half of it again as jitter: 60 s. */
const MAX_RETRY_MS = 40_000

/** Times in milliseconds since the epoch. */
export interface Schedule {
  /** When the coordinator last vouched for what is held; before that, when it was loaded. */
  readonly confirmedAt: number
  /** As the coordinator advertised last; null while no answer of it has reached this isolate. */
  readonly intervalMs: number | null
  /** Questions that failed since the last answer. */
  readonly failures: number
  /** From then on a request starts a refresh. */
  readonly dueAt: number
  /** The same for the whole colo: when somebody in it has to ask again. */
  readonly expiresAt: number
}

/** Before anything was tried. */
export const unscheduled: Schedule = {
  confirmedAt: 0,
  intervalMs: null,
  failures: 0,
  dueAt: 0,
  expiresAt: 0,
}

/** `random` here and below: from 0 up to 1, drawn by the caller. */
export function scheduleAnswer(now: number, intervalMs: number, random: number): Schedule {
  const expiresAt = now + intervalMs
  const dueAt = drawDueAt(now, expiresAt, random)
  return { confirmedAt: now, intervalMs, failures: 0, dueAt, expiresAt }
}

/**
 * After a start from a copy that nobody vouched for. A deploy starts every isolate on earth within
 * seconds: they spread their first question over `spreadMs`.
 */
export function scheduleColdStart(now: number, spreadMs: number, random: number): Schedule {
  return { ...unscheduled, confirmedAt: now, dueAt: now + random * spreadMs }
}

/**
 * Over how long isolates that start together spread their first question. Where there is no cache
 * at all (plain workerd) the coordinator is in the same process; where there is one, its isolates
 * are many, and the last answer in it, however old, tells how many.
 */
export function chooseSpreadMs(hasColoCache: boolean, neighbourIntervalMs: number | null): number {
  return hasColoCache ? (neighbourIntervalMs ?? MAX_INTERVAL_MS) : MIN_INTERVAL_MS
}

/**
 * Back-off: 1 s, doubling, to 40 s, and by chance up to half as much again. An interval up to there
 * is a lower bound: the fleet that keeps the coordinator just below its limit would otherwise
 * exceed it as soon as it fails.
 */
export function scheduleFailure(now: number, before: Schedule, random: number): Schedule {
  const failures = before.failures + 1
  const doubled = MIN_RETRY_MS * 2 ** Math.min(before.failures, 16)
  const delayMs = Math.min(MAX_RETRY_MS, Math.max(before.intervalMs ?? 0, doubled))
  const dueAt = now + delayMs * (1 + random / 2)
  const confirmedAt = Math.min(before.confirmedAt, now)
  return { ...before, confirmedAt, failures, dueAt, expiresAt: dueAt }
}

/** Within the second half of the time that is left, mostly close to its end. */
export function drawDueAt(now: number, expiresAt: number, random: number): number {
  const leftMs = Math.max(0, expiresAt - now)
  return expiresAt - leftMs * Math.min(0.5, -LEAD_SHARE * Math.log(1 - random))
}

/** How long this isolate, or a neighbour it heard from, has not asked; undefined: never did. */
export function readWaitedMs(now: number, schedule: Schedule): number | undefined {
  return schedule.intervalMs === null ? undefined : Math.max(0, now - schedule.confirmedAt)
}

/**
 * serve: answer with what is held, even if that is nothing: it was asked for a moment ago.
 * refresh-behind: the same, and start a refresh in the background.
 * wait: start or join the refresh and wait for it, until MAX_WAIT_MS after it began.
 * load: nothing is held; start or join the load.
 */
export type RefreshAction = 'serve' | 'refresh-behind' | 'wait' | 'load'

/** Time for a request to see to the refresh. */
export const isDue = (now: number, { dueAt, confirmedAt }: Schedule): boolean =>
  now >= dueAt || wasSetBack(confirmedAt, now)

/** `flightStartedAt`: when the load or refresh began that has not settled yet. */
export function chooseAction(
  now: number,
  isHolding: boolean,
  schedule: Schedule,
  flightStartedAt: number | undefined,
): RefreshAction {
  if (!isDue(now, schedule)) return 'serve'
  if (!isHolding) return 'load'
  const isFlying = flightStartedAt !== undefined && !isOrphan(now, flightStartedAt)
  const isDelayed = isFlying && now >= flightStartedAt + MAX_WAIT_MS
  if (hasSlept(now, schedule) && !isDelayed) return 'wait'
  return isFlying ? 'serve' : 'refresh-behind'
}

export function isOrphan(now: number, flightStartedAt: number): boolean {
  return now - flightStartedAt > STUCK_MS
}

/** With an interval above 25 s, what is held is older than MAX_STALE_MS without any sleep. */
function hasSlept(now: number, schedule: Schedule): boolean {
  const { confirmedAt, dueAt, failures } = schedule
  return failures === 0 && now >= Math.max(confirmedAt + MAX_STALE_MS, dueAt + ASLEEP_MS)
}

export type SnapshotSource = 'coordinator' | 'replica' | 'bootstrap'

export interface Copy {
  /** 0: the bootstrap. */
  readonly revision: number
  readonly source: SnapshotSource
}

/** Revisions only rise, and a bootstrap loses to everything but nothing. */
export function isNewer(candidate: Copy, held: Copy | undefined): boolean {
  return held === undefined || candidate.revision > held.revision
}

/** The coordinator may vouch for what came from elsewhere; nothing takes that back. */
export function isConfirmation(candidate: Copy, held: Copy | undefined): boolean {
  return held?.revision === candidate.revision && candidate.source === 'coordinator'
}
