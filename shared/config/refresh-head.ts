import type { ToldView } from '../breaker/view.ts'
import type { Views } from '../rpc/breaker.ts'
import { isViews } from '../rpc/breaker-view.ts'
import { clampInterval, MAX_INTERVAL_MS } from './refresh.ts'
import { drawDueAt, type Schedule } from './refresh-schedule.ts'

/**
 * What the isolates of a colo tell each other through its cache, so that one of them asks the
 * coordinator for all. Whoever is due reads the head. If it expires later than what the reader
 * knew, a neighbour asked: follow it. If not, the reader leaves a claim ("asking"), asks, and
 * writes what came of it, also when that was a failure: an outage costs one question per colo and
 * back-off, not one per isolate. A claim nobody redeems expires.
 */
export interface Head {
  /** Of the copy that the writer held; 0: nothing is published. */
  readonly revision: number
  /** SHA-256 of its payload, hex; empty at revision 0. */
  readonly digest: string
  readonly viewsVersion: number
  /** All that the writer holds, aged as of `storedAt`; null: it was told of none. */
  readonly views: Views | null
  /** As the coordinator advertised last; null: no answer yet. */
  readonly intervalMs: number | null
  /** When the coordinator last vouched for it, in ms since the epoch. */
  readonly storedAt: number
  /** Nobody in the colo asks before. */
  readonly expiresAt: number
  readonly failures: number
  readonly isAsking: boolean
}

/** A claim outlives the question's own deadline. */
const CLAIM_MS = 3_000
/** While a neighbour asks, the others look again after about this time. */
const POLL_MS = 250
/** No head speaks for longer: one that does was not written by a router. */
const MAX_LIFE_MS = 2 * MAX_INTERVAL_MS

/** What the writer holds. */
export type HeadSubject = Pick<Head, 'revision' | 'digest' | 'viewsVersion' | 'views'>

export function writeHead(subject: HeadSubject, schedule: Schedule): Head {
  const { intervalMs, confirmedAt, expiresAt, failures } = schedule
  return { ...subject, intervalMs, storedAt: confirmedAt, expiresAt, failures, isAsking: false }
}

export function writeClaim(subject: HeadSubject, schedule: Schedule, now: number): Head {
  const head = writeHead({ ...subject, views: null }, schedule)
  return { ...head, expiresAt: now + CLAIM_MS, isAsking: true }
}

/** True when a neighbour has asked, or is asking, since the reader last looked. */
export function isNews(head: Head, schedule: Schedule, heldRevision: number, now: number): boolean {
  return isLive(head, now) && head.expiresAt > schedule.expiresAt && head.revision >= heldRevision
}

/** False: a hint at best. What it names may be outdated by any amount. */
export function isLive(head: Head, now: number): boolean {
  return head.expiresAt > now && head.expiresAt <= now + MAX_LIFE_MS
}

/** Its views, as old as they are by now; null: it says nothing about breakers. */
export function readHeadViews({ views, storedAt }: Head, now: number): Views | null {
  const heldMs = Math.max(0, now - storedAt)
  const grow = (view: ToldView): ToldView => ({ ...view, ageMs: view.ageMs + heldMs })
  return views === null
    ? null
    : views.map(({ placement, view }) => ({ placement, view: grow(view) }))
}

/** The reader's schedule after news. */
export function followHead(head: Head, before: Schedule, now: number, random: number): Schedule {
  if (head.isAsking) return { ...before, dueAt: now + POLL_MS * (0.5 + random) }
  return {
    confirmedAt: Math.min(now, Math.max(before.confirmedAt, head.storedAt)),
    intervalMs: head.intervalMs === null ? null : clampInterval(head.intervalMs),
    failures: head.failures,
    dueAt: drawDueAt(now, head.expiresAt, random),
    expiresAt: head.expiresAt,
  }
}

/** The cache is shared with whoever runs in the same zone: nothing read from it is taken on trust. */
export function isHead(value: unknown): value is Head {
  return typeof value === 'object' && value !== null && hasHeadShape(value)
}

function hasHeadShape(value: { readonly [K in keyof Head]?: unknown }): boolean {
  const { revision, digest, viewsVersion, intervalMs, storedAt, expiresAt, failures } = value
  return (
    [revision, viewsVersion, failures].every(isCount) &&
    typeof digest === 'string' &&
    (revision === 0 ? digest === '' : /^[0-9a-f]{64}$/.test(digest)) &&
    (intervalMs === null || isAmount(intervalMs)) &&
    [storedAt, expiresAt].every(isAmount) &&
    typeof value.isAsking === 'boolean' &&
    (value.views === null || isViews(value.views))
  )
}

function isCount(value: unknown): boolean {
  return isAmount(value) && Number.isSafeInteger(value)
}

function isAmount(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && Number.isFinite(value)
}
