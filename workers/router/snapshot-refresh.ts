import {
  followHead,
  type Head,
  isHead,
  isLive,
  isNews,
  readHeadViews,
  writeClaim,
} from '../../shared/config/refresh-head.ts'
import {
  chooseSpreadMs,
  scheduleColdStart,
  unscheduled,
} from '../../shared/config/refresh-schedule.ts'
import type { ColoCache } from './colo-cache.ts'
import { anyTrue, withDeadline } from './deadline.ts'
import { Rejection, verifySnapshot } from './snapshot-bytes.ts'
import {
  type Attempt,
  confirm,
  describeHeld,
  hold,
  holdBootstrap,
  holdViews,
  logFailure,
  revisionOf,
} from './snapshot-isolate.ts'
import { ask, noteSuccess } from './snapshot-question.ts'

/** In which order an isolate turns to its sources. Whatever they do, what is held stays. */

/** Of the colo's cache and of the replica, each. */
const NEAR_DEADLINE_MS = 1_000
/** How long these two may keep the coordinator from being asked. */
const NEAR_PATIENCE_MS = 150

/** Nothing is held: the near copies at once, then the coordinator, then the bootstrap. */
export async function loadFirst(attempt: Attempt): Promise<void> {
  const near = [loadFromNeighbour(attempt), loadFromReplica(attempt)]
  for (const work of near) attempt.defer(work)
  if (await anyTrue(near, NEAR_PATIENCE_MS)) return
  const asked = ask(attempt)
  attempt.defer(asked)
  if (await anyTrue([...near, asked])) return
  await holdBootstrap(attempt)
}

/** Something is held: the neighbour's news if there are any, else the coordinator, for all. */
export async function refresh(attempt: Attempt): Promise<void> {
  const { isolate, sources, defer } = attempt
  const { coloCache } = sources
  if (coloCache === undefined) {
    await ask(attempt)
    return
  }
  const head = await readHead(coloCache)
  const now = isolate.clock.now()
  if (head !== undefined && isNews(head, isolate.schedule, revisionOf(isolate), now)) {
    if (await loadBody(attempt, coloCache, head)) return follow(attempt, head)
  }
  const claim = writeClaim(describeHeld(isolate), isolate.schedule, now)
  const claimed = withDeadline(coloCache.writeHead(claim), NEAR_DEADLINE_MS).catch(() => {})
  defer(claimed)
  await ask(attempt, claimed)
}

async function loadFromNeighbour(attempt: Attempt): Promise<boolean> {
  const { isolate, sources } = attempt
  const { coloCache } = sources
  const head = coloCache && (await readHead(coloCache))
  if (coloCache === undefined || head === undefined) return false
  isolate.neighbourIntervalMs = head.intervalMs
  const isFresh = isLive(head, isolate.clock.now())
  if (head.revision === 0 && isFresh) await holdBootstrap(attempt)
  if (!(await loadBody(attempt, coloCache, head))) return false
  const isUnasked = isolate.schedule.intervalMs === null && isolate.schedule.failures === 0
  if (isUnasked && !isFresh) spreadFirstQuestion(attempt)
  if (isUnasked && isFresh) follow(attempt, head)
  return true
}

async function loadFromReplica(attempt: Attempt): Promise<boolean> {
  const { isolate, sources } = attempt
  try {
    const read = (async () => sources.replica?.get())()
    const bytes = await withDeadline(read, NEAR_DEADLINE_MS)
    if (bytes === undefined) return false
    hold(isolate, await verifySnapshot(bytes), 'replica')
    if (isolate.schedule === unscheduled) spreadFirstQuestion(attempt)
    return true
  } catch (error) {
    logFailure(sources, 'replica', error)
    return false
  }
}

function spreadFirstQuestion({ isolate, sources }: Attempt): void {
  const { clock, neighbourIntervalMs } = isolate
  const hasColoCache = sources.coloCache?.exists() === true
  const spreadMs = chooseSpreadMs(hasColoCache, neighbourIntervalMs)
  isolate.schedule = scheduleColdStart(clock.now(), spreadMs, clock.random())
}

async function readHead(coloCache: ColoCache): Promise<Head | undefined> {
  const head = await withDeadline(coloCache.readHead(), NEAR_DEADLINE_MS).catch(() => undefined)
  return isHead(head) ? head : undefined
}

/** True when what the head names is held: it already was, or its body is there and intact. */
async function loadBody({ isolate }: Attempt, cache: ColoCache, head: Head): Promise<boolean> {
  const { held, clock } = isolate
  if (head.revision === revisionOf(isolate))
    return held !== undefined && (head.revision === 0 || head.digest === held.snapshot.digest)
  try {
    const bytes = await withDeadline(cache.readBody(head.digest), NEAR_DEADLINE_MS)
    if (bytes === undefined) return false
    const opened = await verifySnapshot(bytes, head.digest)
    if (opened.snapshot.revision !== head.revision) throw new Rejection('wrong_revision')
    hold(isolate, opened, isAnswer(head, clock.now()) ? 'coordinator' : 'replica')
    if (isolate.unshared === bytes) isolate.unshared = undefined
    return true
  } catch {
    return false // The coordinator has it too.
  }
}

/** What a neighbour learnt from the coordinator, as good as an answer to this isolate. */
const isAnswer = (head: Head, now: number): boolean =>
  isLive(head, now) && !head.isAsking && head.failures === 0

function follow(attempt: Attempt, head: Head): void {
  const { isolate } = attempt
  const now = isolate.clock.now()
  isolate.schedule = followHead(head, isolate.schedule, now, isolate.clock.random())
  if (!isAnswer(head, now)) return
  const views = readHeadViews(head, now)
  if (views !== null && head.viewsVersion >= isolate.viewsVersion)
    holdViews(isolate, views, head.viewsVersion)
  confirm(isolate, head.revision)
  noteSuccess(attempt)
}
