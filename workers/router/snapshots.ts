import {
  chooseAction,
  isDue,
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
  type Isolate,
  startIsolate,
  type ViewPort,
} from './snapshot-isolate.ts'
import { ask } from './snapshot-question.ts'
import { loadFirst, refresh } from './snapshot-refresh.ts'
import type { Sources } from './snapshot-sources.ts'

export type { Held, Sources }

export type Context = Pick<ExecutionContext, 'waitUntil'>

/**
 * The isolate's last known good snapshot. While it is fresh a request reads it from memory and
 * nothing else happens. Later the first request starts a refresh behind its own back. A load is
 * shared by all requests that need it: the one that started it keeps it alive by waitUntil, the
 * others wait with a deadline of their own, and one that outlives its deadlines is an orphan and
 * replaced (a promise whose request has ended never settles).
 */
export interface SnapshotCache {
  /** From memory only. */
  peek(): Held | undefined
  /**
   * Synchronous while something is held, but after a long sleep: then a request may wait, 100 ms at
   * most. undefined only when there is no configuration anywhere. `connect` is called when a
   * source is needed.
   */
  current(connect: () => Sources, ctx: Context): Held | Promise<Held | undefined>
  /** Asks the coordinator itself, now; for after a publish through this isolate. */
  refreshNow(connect: () => Sources, ctx: Context): Promise<void>
}

/** How long a request without any snapshot waits for a load that another request started. */
const LOAD_WAIT_MS = 5_000

const systemClock: Clock = { now: () => Date.now(), random: () => Math.random() }

/** A load or refresh on its way. */
interface Flight {
  readonly startedAt: number
  readonly landed: Promise<void>
}

interface State {
  readonly isolate: Isolate
  flight: Flight | undefined
}

export function createSnapshotCache(views: ViewPort, clock: Clock = systemClock): SnapshotCache {
  const isolate = startIsolate(clock, views)
  const state: State = { isolate, flight: undefined }
  return {
    peek: () => isolate.held,
    current(connect, ctx) {
      const now = clock.now()
      const { held } = isolate
      if (held !== undefined && !isDue(now, isolate.schedule)) return held
      return catchUp(state, now, () => startAttempt(isolate, connect, ctx), ctx)
    },
    async refreshNow(connect, ctx) {
      const asked = ask(startAttempt(isolate, connect, ctx))
      ctx.waitUntil(asked)
      await asked
    },
  }
}

function startAttempt(isolate: Isolate, connect: () => Sources, ctx: Context): Attempt {
  return { isolate, sources: connect(), defer: (work) => ctx.waitUntil(work) }
}

function catchUp(
  state: State,
  now: number,
  attempt: () => Attempt,
  ctx: Context,
): Held | Promise<Held | undefined> {
  const { isolate, flight } = state
  const { held, schedule } = isolate
  const action = chooseAction(now, held !== undefined, schedule, flight?.startedAt)
  const canJoin = flight !== undefined && !isOrphan(now, flight.startedAt)
  // The coordinator may have answered that nothing is published while the load still unpacks the
  // bootstrap: whoever has nothing joins it.
  if (action === 'serve' && (held !== undefined || !canJoin))
    return held ?? Promise.resolve(undefined)
  const joined = canJoin ? flight : launch(state, now, attempt, ctx)
  if (held === undefined) return waitForLoad(state, joined, attempt)
  return action === 'wait' ? waitForRefresh(state, joined, now) : held
}

function launch(state: State, now: number, attempt: () => Attempt, ctx: Context): Flight {
  const { isolate } = state
  const fly = isolate.held === undefined ? loadFirst : refresh
  const landed = (async () => fly(attempt()))()
  const flight: Flight = { startedAt: now, landed }
  state.flight = flight
  const clear = () => {
    if (state.flight === flight) state.flight = undefined
  }
  const watched = landed.then(clear, (bug) => {
    clear()
    const { clock, schedule } = isolate
    isolate.schedule = scheduleFailure(clock.now(), schedule, clock.random())
    throw bug
  })
  ctx.waitUntil(watched)
  return flight
}

async function waitForLoad(
  state: State,
  flight: Flight,
  attempt: () => Attempt,
): Promise<Held | undefined> {
  await settleWithin(flight.landed, LOAD_WAIT_MS)
  if (state.isolate.held === undefined) await holdBootstrap(attempt())
  if (state.flight === flight) state.flight = undefined // Too slow for this one: the next starts anew.
  return state.isolate.held
}

async function waitForRefresh(
  state: State,
  flight: Flight,
  now: number,
): Promise<Held | undefined> {
  await settleWithin(flight.landed, flight.startedAt + MAX_WAIT_MS - now)
  return state.isolate.held
}
