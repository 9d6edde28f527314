import { clampInterval } from '../../shared/config/refresh.ts'
import { writeHead } from '../../shared/config/refresh-head.ts'
import {
  readWaitedMs,
  scheduleAnswer,
  scheduleFailure,
} from '../../shared/config/refresh-schedule.ts'
import type { RefreshReply, RefreshRequest } from '../../shared/rpc/coordinator.ts'
import { withDeadline } from './deadline.ts'
import { isReply, type Opened, Rejection, readStream, verifySnapshot } from './snapshot-bytes.ts'
import {
  type Attempt,
  confirm,
  describeHeld,
  hold,
  holdViews,
  type Isolate,
  logFailure,
  nameFailure,
  revisionOf,
} from './snapshot-isolate.ts'
import type { Sources } from './snapshot-sources.ts'

/** One question to the coordinator, and what follows from its answer or from the lack of one. */

const ANSWER_DEADLINE_MS = 2_000
const BODY_DEADLINE_MS = 3_000
const SHARE_DEADLINE_MS = 1_000

/**
 * True when something is held afterwards. Never rejects. What the colo is to know goes into its
 * cache after `claimed` has.
 */
export async function ask(attempt: Attempt, claimed?: Promise<unknown>): Promise<boolean> {
  const { isolate, sources, defer } = attempt
  const askedAt = isolate.clock.now()
  try {
    const { reply, opened } = await question(isolate, sources, askedAt)
    acceptAnswer(attempt, reply, opened)
  } catch (error) {
    noteFailure(attempt, error, askedAt)
  }
  if (isolate.held !== undefined) defer(share(attempt, claimed))
  return isolate.held !== undefined
}

interface Answer {
  readonly reply: RefreshReply
  readonly opened: Opened | undefined
}

/** Rejects unless the answer is one to go by, whole. */
async function question(isolate: Isolate, sources: Sources, now: number): Promise<Answer> {
  const revision = revisionOf(isolate)
  const digest = isolate.held?.snapshot.digest
  const waitedMs = readWaitedMs(now, isolate.schedule)
  const asked: RefreshRequest = { revision, viewsVersion: isolate.viewsVersion }
  const request = waitedMs === undefined ? asked : { ...asked, waitedMs }
  const answered = (async (): Promise<unknown> => sources.refresh(request))()
  const reply = await withDeadline(answered, ANSWER_DEADLINE_MS, discard)
  try {
    if (!isReply(reply)) throw new Rejection('malformed_reply')
    if (reply.revision < revision) throw new Rejection('older_revision')
    if (reply.revision === revision) {
      if (revision > 0 && reply.digest !== digest) throw new Rejection('digest_mismatch')
      discard(reply)
      return { reply, opened: undefined }
    }
    return { reply, opened: await receive(reply) }
  } catch (error) {
    discard(reply)
    throw error
  }
}

async function receive({ revision, digest, snapshot }: RefreshReply): Promise<Opened> {
  if (snapshot === undefined) throw new Rejection('missing_snapshot')
  const bytes = await readStream(snapshot, BODY_DEADLINE_MS)
  const opened = await verifySnapshot(bytes, digest)
  if (opened.snapshot.revision !== revision) throw new Rejection('wrong_revision')
  return opened
}

/** A stream that nobody reads would keep its sender busy. */
function discard(reply: unknown): void {
  if (isReply(reply)) reply.snapshot?.body.cancel().catch(() => {})
}

function acceptAnswer(attempt: Attempt, reply: RefreshReply, opened: Opened | undefined): void {
  const { isolate } = attempt
  const { now, random } = isolate.clock
  if (opened === undefined) confirm(isolate, reply.revision)
  else hold(isolate, opened, 'coordinator')
  // A slower answer to an earlier question: what came since stands.
  if (reply.revision < revisionOf(isolate)) return
  isolate.schedule = scheduleAnswer(now(), clampInterval(reply.intervalMs), random())
  if (reply.views !== undefined) holdViews(isolate, reply.views, reply.viewsVersion)
  noteSuccess(attempt)
}

export function noteSuccess({ isolate, sources }: Attempt): void {
  if (isolate.failure === undefined) return
  isolate.failure = undefined
  sources.log({ event: 'refresh_recovered', revision: revisionOf(isolate) })
}

/** Says so once, and again only when it fails for another reason. */
function noteFailure({ isolate, sources }: Attempt, error: unknown, askedAt: number): void {
  const { schedule, clock } = isolate
  // Another question was answered while this one was on its way.
  if (schedule.intervalMs !== null && schedule.confirmedAt > askedAt) return
  isolate.schedule = scheduleFailure(clock.now(), schedule, clock.random())
  const failure = nameFailure(error)
  if (failure !== isolate.failure) logFailure(sources, 'coordinator', error)
  isolate.failure = failure
}

/** The body first: a head must not name what is not there. */
async function share({ isolate, sources }: Attempt, claimed?: Promise<unknown>): Promise<void> {
  const { coloCache } = sources
  if (coloCache === undefined) return
  await claimed
  const { unshared, held, schedule } = isolate
  const subject = describeHeld(isolate)
  try {
    if (unshared !== undefined && held?.source === 'coordinator') {
      await withDeadline(coloCache.writeBody(subject.digest, unshared), SHARE_DEADLINE_MS)
      if (isolate.unshared === unshared) isolate.unshared = undefined
    }
    await withDeadline(coloCache.writeHead(writeHead(subject, schedule)), SHARE_DEADLINE_MS)
  } catch {
    // The neighbours will ask for themselves.
  }
}
