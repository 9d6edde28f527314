import type { Placement } from '../../shared/config/snapshot.ts'
import type { Board } from './breaker-board.ts'
import { createWatch, type Watch } from './breaker-invariants.ts'
import { createIsolate, type Isolate, live } from './breaker-isolate.ts'
import { type BreakerObject, configure, createObject } from './breaker-object.ts'
import { type Origin, startOrigin } from './breaker-origin.ts'
import { type Parts, PRODUCT } from './breaker-parts.ts'
import { createQueue } from './breaker-queue.ts'
import { createTrace, type Trace, type TraceEvent, Violation } from './breaker-trace.ts'
import { createRandom } from './random.ts'

/**
 * Isolates, breaker objects, the coordinator and the placements' cells, in virtual time. The rules
 * are the product's (breaker-parts.ts); clocks, transport, storage and cells are imitated.
 */
export interface World {
  readonly random: () => number
  readonly parts: Parts
  readonly placements: readonly Placement[]
  readonly objects: readonly BreakerObject[]
  readonly origins: readonly Origin[]
  readonly isolates: Isolate[]
  readonly board: Board
  readonly watch: Watch
  readonly trace: Trace
  readonly weather: Weather
  readonly counters: Counters
  /** Requests a second, per isolate. */
  rate: number
  isBusy: boolean
  isDeciding: boolean
  /** Routing keys, and how many of the requests have the first of them for certain. */
  readonly keys: number
  readonly hotShare: number
  /** How much more traffic than the mean an isolate may have. */
  readonly busyness: readonly number[]
  now(): number
  after(delayMs: number, act: () => void): void
  /** A message: late, lost or twice, as the weather is. */
  send(act: () => void): void
  read(clock: Clock): number
  note(event: TraceEvent): void
  /** @throws Violation */
  runFor(ms: number): void
}

export interface Counters {
  requests: number
  denied: number
  reports: number
  openings: number
  /** Requests under permits that had lapsed at their object meanwhile. */
  lateProbes: number
  /** By how many the probes at a cell exceeded `concurrent`, lapsed ones included. */
  mostProbes: number
  /** Decisions that a ramp took back because one reply was longer on its way than another. */
  fallenKeys: number
  /** Dead cells that all isolates left alone before their object had opened. */
  unopened: number
}

const startCounters = (): Counters => ({
  requests: 0,
  denied: 0,
  reports: 0,
  openings: 0,
  lateProbes: 0,
  mostProbes: 0,
  fallenKeys: 0,
  unopened: 0,
})

/** A node's own: it starts anywhere and does not go evenly. */
export interface Clock {
  offset: number
  readonly rate: number
}

export interface Weather {
  /** Of messages. */
  loss: number
  duplicate: number
  slow: number
  /** Of requests that were to report. */
  cancel: number
  lateAlarmMs: number
}

export const CALM: Weather = { loss: 0, duplicate: 0, slow: 0, cancel: 0, lateAlarmMs: 50 }

export interface WorldOptions {
  readonly seed: number
  readonly placements: readonly Placement[]
  readonly isolates: number
  readonly rate: number
  readonly parts?: Partial<Parts>
  readonly keys?: number
  readonly hotShare?: number
  readonly busyness?: readonly number[]
  readonly isTraced?: boolean
}

const SLOW_MS = 6_000
const REGIONS = 3

export function createWorld(options: WorldOptions): World {
  const { seed, placements, parts, rate, keys = 12, isTraced = true } = options
  const { hotShare = 0, busyness = [1] } = options
  const random = createRandom(seed)
  const trace = createTrace(isTraced)
  const queue = createQueue(() => world.watch.afterEvent())
  const world: World = {
    random,
    trace,
    parts: { ...PRODUCT, ...parts },
    placements,
    objects: placements.map((placement, index) => {
      const clock = { offset: 2e9 + 10_000 * random(), rate: 1 + 1e-4 * (random() - 0.5) }
      return createObject(index, placement, clock)
    }),
    origins: placements.map(startOrigin),
    isolates: [],
    board: new Map(),
    watch: createWatch(() => world),
    weather: { ...CALM },
    counters: startCounters(),
    rate,
    keys,
    hotShare,
    busyness,
    isBusy: true,
    isDeciding: false,
    now: queue.now,
    after: (delayMs, act) => queue.schedule(queue.now() + delayMs, act),
    send: (act) => send(world, act),
    read: ({ offset, rate: pace }) => Math.floor(offset + queue.now() * pace),
    note: (event) => trace.note(queue.now(), event),
    runFor: (ms) => queue.runUntil(queue.now() + ms),
  }
  for (const object of world.objects) configure(world, object)
  for (let i = 0; i < options.isolates; i++) bear(world, random() * 3_000)
  return world
}

export function bear(world: World, delayMs = 0): void {
  const isolate = createIsolate(world, world.isolates.length, Math.floor(world.random() * REGIONS))
  world.isolates.push(isolate)
  world.after(delayMs, () => live(world, isolate))
}

function send(world: World, act: () => void): void {
  if (world.isDeciding) throw new Violation('S10', 'a decision makes a call')
  const { random, weather } = world
  const copies = random() < weather.duplicate ? 2 : 1
  for (let copy = 0; copy < copies; copy++) {
    if (random() < weather.loss) continue
    const slowMs = random() < weather.slow ? SLOW_MS * random() : 0
    world.after(5 + 70 * random() ** 2 + slowMs, act)
  }
}
