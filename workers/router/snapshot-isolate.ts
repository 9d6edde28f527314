import type { HeadSubject } from '../../shared/config/refresh-head.ts'
import {
  isConfirmation,
  isNewer,
  type Schedule,
  type SnapshotSource,
  unscheduled,
} from '../../shared/config/refresh-schedule.ts'
import type { Snapshot } from '../../shared/config/snapshot.ts'
import type { Views } from '../../shared/rpc/breaker.ts'
import { DeadlineError } from './deadline.ts'
import { type Opened, Rejection, verifySnapshot } from './snapshot-bytes.ts'
import type { Sources } from './snapshot-sources.ts'

/** What one isolate holds, and what it knows about refreshing it. */

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** From 0 up to 1. */
  random(): number
}

export interface Held {
  readonly snapshot: Snapshot
  readonly source: SnapshotSource
  /** When this revision came in, in ms since the epoch. */
  readonly loadedAt: number
}

/** Where the views go that come with a refresh, and come from for the neighbours. */
export interface ViewPort {
  apply(views: Views, now: number): void
  /** null: this isolate was told of none. */
  list(now: number): Views | null
}

/** Plain data, because it outlives every request. */
export interface Isolate {
  readonly clock: Clock
  readonly views: ViewPort
  held: Held | undefined
  schedule: Schedule
  viewsVersion: number
  /** As a neighbour's head said, however long ago. */
  neighbourIntervalMs: number | null
  /** What is held, as bytes, until the colo's cache has them. */
  unshared: Uint8Array | undefined
  /** Why the last question failed; undefined: it did not. */
  failure: string | undefined
}

/** One try by one request. */
export interface Attempt {
  readonly isolate: Isolate
  readonly sources: Sources
  /** Keeps the request alive for work that nobody waits for. */
  defer(work: Promise<unknown>): void
}

export const startIsolate = (clock: Clock, views: ViewPort): Isolate => ({
  clock,
  views,
  held: undefined,
  schedule: unscheduled,
  viewsVersion: 0,
  neighbourIntervalMs: null,
  unshared: undefined,
  failure: undefined,
})

export const revisionOf = ({ held }: Isolate): number => held?.snapshot.revision ?? 0

export function describeHeld({ held, viewsVersion, views, clock }: Isolate): HeadSubject {
  const { revision, digest } = held?.snapshot ?? { revision: 0, digest: '' }
  const subject = { revision, digest: revision === 0 ? '' : digest, viewsVersion }
  return { ...subject, views: views.list(clock.now()) }
}

/** What came from the coordinator, perhaps by way of a neighbour. */
export function holdViews(isolate: Isolate, views: Views, version: number): void {
  isolate.views.apply(views, isolate.clock.now())
  isolate.viewsVersion = version
}

/** Swaps the snapshot if it is newer than what is held. */
export function hold(isolate: Isolate, { snapshot, bytes }: Opened, source: SnapshotSource): void {
  const { held } = isolate
  const heldCopy = held && { revision: held.snapshot.revision, source: held.source }
  if (!isNewer({ revision: snapshot.revision, source }, heldCopy)) return
  isolate.held = { snapshot, source, loadedAt: isolate.clock.now() }
  isolate.unshared = bytes
}

/** The coordinator says that this revision is the newest. */
export function confirm(isolate: Isolate, revision: number): void {
  const { held } = isolate
  if (held === undefined || held.source === 'bootstrap') return
  const heldCopy = { revision: held.snapshot.revision, source: held.source }
  if (isConfirmation({ revision, source: 'coordinator' }, heldCopy))
    isolate.held = { ...held, source: 'coordinator' }
}

/** The last resort. */
export async function holdBootstrap({ isolate, sources }: Attempt): Promise<void> {
  if (isolate.held !== undefined || sources.bootstrap === undefined) return
  try {
    const { snapshot, bytes } = await verifySnapshot(sources.bootstrap)
    hold(isolate, { snapshot: { ...snapshot, revision: 0 }, bytes }, 'bootstrap')
  } catch (error) {
    logFailure(sources, 'bootstrap', error)
  }
}

/** One word for whatever went wrong with a source. */
export function nameFailure(error: unknown): string {
  if (error instanceof Rejection) return error.reason
  return error instanceof DeadlineError ? 'timeout' : 'unreachable'
}

const MAX_DETAIL_LENGTH = 200

export function logFailure(sources: Sources, source: SnapshotSource, error: unknown): void {
  const detail = (error instanceof Error ? error.message : String(error)).slice(
    0,
    MAX_DETAIL_LENGTH,
  )
  sources.log({ event: 'refresh_failed', source, reason: nameFailure(error), detail })
}
