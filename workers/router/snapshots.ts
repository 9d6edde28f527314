import {
  chooseAction,
  isOrphan,
  MAX_WAIT_MS,
  scheduleFailure,
} from '../../shared/config/refresh-schedule.ts'
import { settleWithin } from './deadline.ts'
import {
  type Attempt,
  type Clock,
  type Held,
  holdBootstrap,
  startIsolate,
} from './snapshot-isolate.ts'
import { ask } from './snapshot-question.ts'
import { loadFirst, refresh } from './snapshot-refresh.ts'
import type { Sources } from './snapshot-sources.ts'

export type { Held, Sources }

/**
 * The isolate's last known good snapshot. While it is fresh a request reads it from memory and
 * nothing else happens. Later the first request starts a refresh behind its back. A load is shared
 * by all requests that need it: the one that started it keeps it alive by waitUntil, the others
 * wait with a deadline of their own, and one that outlives its deadline is an orphan and replaced
 * (a promise whose request has ended never settles).
 */
export type Context = Pick<ExecutionContext, 'waitUntil'>

export interface SnapshotCache {
  /** From memory only. */
  peek(): Held | undefined
  /**
   * Synchronous while something is held, but after a long sleep: then a request may wait, 100 ms at
   * most. undefined only when there is no configuration anywhere. `connect` is called when a
   * source is needed.
   */
  current(connect: () => Sources, ctx: Context): Held | Promise<Held | undefined>
  /** Asks the coordinator itself, now; for after a publish through this isolate. Never rejects. */
  refreshNow(connect: () => Sources, ctx: Context): Promise<void>
}

/** How long a request without any snapshot waits for a load that another request started. */
const LOAD_WAIT_MS = 5_000

const systemClock: Clock = { now: () => Date.now(), random: () => Math.random() }

interface Flight {
  readonly startedAt: number
  readonly landed: Promise<void>
}

export function createSnapshotCache(clock: Clock = systemClock): SnapshotCache {
  const isolate = startIsolate(clock)
  let flight: Flight | undefined

  function launch(now: number, attempt: () => Attempt, ctx: Context): Flight {
    const fly = isolate.held === undefined ? loadFirst : refresh
    const landed = (async () => fly(attempt()))()
    const mine: Flight = { startedAt: now, landed }
    const land = () => {
      if (flight === mine) flight = undefined
    }
    const watched = landed.then(land, (bug) => {
      land()
      isolate.schedule = scheduleFailure(clock.now(), isolate.schedule, clock.random())
      throw bug
    })
    ctx.waitUntil(watched)
    flight = mine
    return mine
  }

  async function waitForLoad(joined: Flight, attempt: () => Attempt) {
    await settleWithin(joined.landed, LOAD_WAIT_MS)
    if (isolate.held === undefined) await holdBootstrap(attempt())
    if (flight === joined) flight = undefined // An orphan: the next request starts anew.
    return isolate.held
  }

  async function waitForRefresh({ startedAt, landed }: Flight, now: number) {
    await settleWithin(landed, startedAt + MAX_WAIT_MS - now)
    return isolate.held
  }

  function catchUp(now: number, connect: () => Sources, ctx: Context) {
    const { held, schedule } = isolate
    const action = chooseAction(now, held !== undefined, schedule, flight?.startedAt)
    if (action === 'serve') return held ?? Promise.resolve(undefined)
    const attempt = () => startAttempt(connect, ctx)
    const joined =
      flight === undefined || isOrphan(now, flight.startedAt) ? launch(now, attempt, ctx) : flight
    if (held === undefined) return waitForLoad(joined, attempt)
    return action === 'wait' ? waitForRefresh(joined, now) : held
  }

  const startAttempt = (connect: () => Sources, ctx: Context): Attempt => ({
    isolate,
    sources: connect(),
    defer: (work) => ctx.waitUntil(work),
  })

  return {
    peek: () => isolate.held,
    current(connect, ctx) {
      const now = clock.now()
      const { held } = isolate
      return held !== undefined && now < isolate.schedule.dueAt ? held : catchUp(now, connect, ctx)
    },
    async refreshNow(connect, ctx) {
      const asked = ask(startAttempt(connect, ctx))
      ctx.waitUntil(asked)
      await asked
    },
  }
}
