import {
  adviseIntervalMs,
  emptyLoad,
  MAX_INTERVAL_MS,
  noteRefresh,
  type RefreshLoad,
} from '../../shared/config/refresh.ts'
import {
  followHead,
  type Head,
  isLive,
  isNews,
  writeClaim,
  writeHead,
} from '../../shared/config/refresh-head.ts'
import {
  chooseSpreadMs,
  isNewer,
  readWaitedMs,
  type Schedule,
  type SnapshotSource,
  scheduleAnswer,
  scheduleColdStart,
  scheduleFailure,
  unscheduled,
} from '../../shared/config/refresh-schedule.ts'
import { createEventQueue } from './event-queue.ts'
import { createRandom } from './random.ts'

/**
 * A fleet of isolates, the caches of their colos, the replica and one coordinator, in virtual time.
 * The rules are the product's; only transport is imitated: every hop takes a random time, and what
 * is put into a cache becomes visible later than it is put. Every isolate is busy: a request comes
 * some 50 ms after a refresh is due.
 */
export interface FleetOptions {
  readonly seed: number
  readonly isolates: number
  /** Isolates are spread over them unevenly: the n-th colo has 1/n of the first one's. */
  readonly colos: number
  readonly bornWithinMs: number
  /** False: a cache that accepts everything and keeps nothing, as on workers.dev. */
  readonly cacheKeeps: boolean
}

export interface Isolate {
  readonly colo: Colo
  held: { revision: number; source: SnapshotSource } | undefined
  schedule: Schedule
  /** Every revision it ever served, in order. */
  readonly served: Served[]
}

export interface Served {
  readonly revision: number
  readonly since: number
  /** The interval that this isolate had been told to wait before. */
  readonly afterIntervalMs: number
}

interface Colo {
  head: Head | undefined
  readonly bodies: Set<number>
}

export type CoordinatorMood = 'answers' | 'throws' | 'hangs'

const QUESTION_DEADLINE_MS = 2_000
const COLD_PATIENCE_MS = 150
const REPLICA_LAG_MS = 10_000

export function createFleet({ seed, isolates, colos, bornWithinMs, cacheKeeps }: FleetOptions) {
  const random = createRandom(seed)
  const between = (min: number, max: number): number => min + (max - min) * random()
  const queue = createEventQueue()
  const questions: number[] = []
  let load: RefreshLoad = emptyLoad
  let mood: CoordinatorMood = 'answers'
  let revision = 1
  let replicaRevision = 1

  const places: Colo[] = Array.from({ length: colos }, () => ({
    head: undefined,
    bodies: new Set(),
  }))
  const members: Isolate[] = spread(isolates, colos).map((index) => ({
    colo: places[index]!,
    held: undefined,
    schedule: unscheduled,
    served: [],
  }))

  const hold = (
    isolate: Isolate,
    candidate: { revision: number; source: SnapshotSource },
    now: number,
  ) => {
    if (!isNewer(candidate, isolate.held)) return
    isolate.held = candidate
    const afterIntervalMs = isolate.schedule.intervalMs ?? MAX_INTERVAL_MS
    isolate.served.push({ revision: candidate.revision, since: now, afterIntervalMs })
  }

  const reschedule = (isolate: Isolate, schedule: Schedule) => {
    isolate.schedule = schedule
    const request = schedule.dueAt - 50 * Math.log(1 - random())
    queue.schedule(request + between(1, 5), (now) => refresh(isolate, now))
  }

  const put = (colo: Colo, head: Head, now: number) => {
    if (!cacheKeeps) return
    queue.schedule(now + between(2, 10), () => {
      colo.head = head
      if (!head.isAsking) colo.bodies.add(head.revision)
    })
  }

  const subjectOf = (isolate: Isolate) => ({
    revision: isolate.held?.revision ?? 0,
    digest: '',
    viewsVersion: 0,
    views: null,
  })

  function start(isolate: Isolate, born: number): void {
    const replicaMs = random() < 0.05 ? between(150, 800) : between(5, 120)
    queue.schedule(born + between(1, 5), (now) => {
      const { head, bodies } = isolate.colo
      if (head === undefined || !bodies.has(head.revision)) return
      hold(isolate, { revision: head.revision, source: 'coordinator' }, now)
      reschedule(
        isolate,
        isLive(head, now)
          ? followHead(head, isolate.schedule, now, random())
          : scheduleColdStart(now, chooseSpreadMs(true, head.intervalMs), random()),
      )
    })
    queue.schedule(born + replicaMs, (now) => {
      if (isolate.held !== undefined) return
      hold(isolate, { revision: replicaRevision, source: 'replica' }, now)
      reschedule(isolate, scheduleColdStart(now, chooseSpreadMs(true, null), random()))
    })
    queue.schedule(born + COLD_PATIENCE_MS, (now) => {
      if (isolate.held === undefined) ask(isolate, now)
    })
  }

  function refresh(isolate: Isolate, now: number): void {
    if (now < isolate.schedule.dueAt) return
    const { head, bodies } = isolate.colo
    const hasNews =
      head !== undefined && isNews(head, isolate.schedule, isolate.held?.revision ?? 0, now)
    if (hasNews && bodies.has(head.revision)) {
      hold(isolate, { revision: head.revision, source: 'coordinator' }, now)
      reschedule(isolate, followHead(head, isolate.schedule, now, random()))
      return
    }
    put(isolate.colo, writeClaim(subjectOf(isolate), isolate.schedule, now), now)
    ask(isolate, now)
  }

  function ask(isolate: Isolate, asked: number): void {
    const waitedMs = readWaitedMs(asked, isolate.schedule)
    queue.schedule(asked + between(25, 75), (now) => {
      questions[Math.floor(now / 1000)] = (questions[Math.floor(now / 1000)] ?? 0) + 1
      if (mood !== 'answers') {
        const failedAt = mood === 'hangs' ? asked + QUESTION_DEADLINE_MS : now + between(25, 75)
        queue.schedule(failedAt, (later) => fail(isolate, later))
        return
      }
      load = noteRefresh(load, now, waitedMs)
      const reply = { revision, intervalMs: adviseIntervalMs(load, now) }
      queue.schedule(now + between(25, 75), (later) => settle(isolate, reply, later))
    })
  }

  function settle(
    isolate: Isolate,
    reply: { revision: number; intervalMs: number },
    now: number,
  ): void {
    hold(isolate, { revision: reply.revision, source: 'coordinator' }, now)
    reschedule(isolate, scheduleAnswer(now, reply.intervalMs, random()))
    put(isolate.colo, writeHead(subjectOf(isolate), isolate.schedule), now)
  }

  function fail(isolate: Isolate, now: number): void {
    reschedule(isolate, scheduleFailure(now, isolate.schedule, random()))
    put(isolate.colo, writeHead(subjectOf(isolate), isolate.schedule), now)
  }

  for (const isolate of members) {
    queue.schedule(between(0, bornWithinMs), (now) => start(isolate, now))
  }

  return {
    isolates: members as readonly Isolate[],
    /** Questions that reached the coordinator, by second of virtual time. */
    questions: questions as readonly (number | undefined)[],
    runUntil: queue.runUntil,
    setMood(next: CoordinatorMood) {
      mood = next
    },
    publish(now: number) {
      revision += 1
      const published = revision
      queue.schedule(now + REPLICA_LAG_MS, () => {
        replicaRevision = published
      })
    },
    /** The object was evicted: what it counted is gone. */
    restartCoordinator() {
      load = emptyLoad
    },
  }
}

/** The colo of each isolate: Zipf's law. */
function spread(isolates: number, colos: number): number[] {
  const shares = Array.from({ length: colos }, (_, index) => 1 / (index + 1))
  const total = shares.reduce((sum, share) => sum + share, 0)
  let placed = 0
  let due = 0
  return shares.flatMap((share, index) => {
    due += (share / total) * isolates
    const count = Math.round(due) - placed
    placed += count
    return Array<number>(count).fill(index)
  })
}
