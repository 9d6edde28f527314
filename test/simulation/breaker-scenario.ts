import type { CircuitBreakerSettings, Placement } from '../../shared/config/snapshot.ts'
import { aPlacement } from '../support/a-config.ts'
import { ENDINGS, type Ending } from './breaker-endings.ts'
import { HOT_KEY } from './breaker-isolate.ts'
import { configure, evict, loseStorage, operate } from './breaker-object.ts'
import { HEALTHY, type Mood } from './breaker-origin.ts'
import type { Parts } from './breaker-parts.ts'
import { Violation } from './breaker-trace.ts'
import { bear, CALM, type Counters, createWorld, type World } from './breaker-world.ts'
import { createRandom } from './random.ts'

/** One run: a while in which anything happens, chosen by the seed, and then an ending. */
export interface ScenarioOptions {
  readonly seed: number
  readonly isolates?: number | undefined
  readonly parts?: Partial<Parts>
}

export interface ScenarioResult {
  readonly hash: string
  readonly events: number
  readonly ending: string
  readonly virtualMs: number
  readonly counters: Counters
}

const BUSYNESS = [0.5, 0.5, 0.5, 2.5]

type Random = () => number

/** @throws Violation with the seed and the last events */
export function runScenario({ seed, isolates, parts = {} }: ScenarioOptions): ScenarioResult {
  const random = createRandom(seed ^ 0x5eed)
  const ending = ENDINGS[seed % ENDINGS.length]!
  const placements = choosePlacements(random, ending)
  const count = isolates ?? 2 + Math.floor(58 * random() ** 3)
  // Enough for a permit to be used before it lapses.
  const rate = Math.max((10 + 20 * random()) / count, 0.3 * placements.length)
  const hotShare = pick(random, [0, 0.4, 0.7])
  const world = createWorld({
    seed,
    placements,
    isolates: count,
    rate,
    parts,
    hotShare,
    busyness: BUSYNESS,
  })
  try {
    disturb(world, random, 40_000 + 50_000 * random())
    calmDown(world)
    ending.run(world)
  } catch (error) {
    throw describe(seed, ending, world, error)
  }
  const { trace, counters } = world
  const virtualMs = Math.round(world.now())
  return { hash: trace.hash(), events: trace.count(), ending: ending.name, virtualMs, counters }
}

function describe(seed: number, { name }: Ending, { trace }: World, error: unknown): Error {
  const invariant = error instanceof Violation ? error.invariant : 'error'
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return new Violation(invariant, `seed ${seed} (${name})\n${trace.print()}\n${detail}`)
}

const pick = <T>(random: Random, all: readonly T[]): T => all[Math.floor(random() * all.length)]!

function choosePlacements(random: Random, ending: Ending): Placement[] {
  const names = ['a', 'b', 'c'].slice(0, 1 + Math.floor(3 * random()))
  const circuitBreaker = chooseSettings(random, ending)
  return names.map((name, index) => ({
    ...aPlacement({
      circuitBreaker: index === 0 ? circuitBreaker : chooseSettings(random, ending),
    }),
    name,
    kind: pick(random, ['tier', 'dedicated'] as const),
    fallback: index + 1 < names.length && random() < 0.6 ? [index + 1] : [],
    balance: 'round-robin',
    endpoints: [{ kind: 'url', base: 'https://cell.example', weight: 1 }],
  }))
}

function chooseSettings(random: Random, ending: Ending): CircuitBreakerSettings {
  const openForMs = pick(random, [1_000, 2_000, 5_000, 10_000])
  const probes = 1 + Math.floor(5 * random())
  const window = pick(random, [
    null,
    { durationMs: 10_000, minimumRequests: 10, failureRate: 0.5 },
    { durationMs: 20_000, minimumRequests: 20, failureRate: 0.5 },
  ])
  const needsStreak = window === null || ending.isLocal
  return {
    consecutiveFailures: pick(random, needsStreak ? [3, 5] : [null, null, 5]),
    window,
    openForMs,
    openForMaxMs: openForMs * pick(random, [1, 2, 4]),
    jitter: pick(random, [0, 0.5]),
    halfOpen: {
      probes,
      maxFailures: Math.floor(probes * random()),
      concurrent: 1 + Math.floor(Math.min(3, probes) * random()),
    },
    recoveryMs: pick(random, [0, 5_000, 10_000, 30_000]),
  }
}

type Disturbance = (world: World, random: Random) => void

const anyObject = (world: World, random: Random) => pick(random, world.objects)

const DISTURBANCES: Readonly<Record<string, Disturbance>> = {
  mood(world, random) {
    pick(random, world.origins).mood = chooseMood(random)
  },
  heal(world, random) {
    pick(random, world.origins).mood = HEALTHY
  },
  capacity(world, random) {
    pick(random, world.origins).capacity = random() < 0.5 ? 5 : Number.POSITIVE_INFINITY
  },
  poison(world, random) {
    pick(random, world.origins).poison = random() < 0.6 ? HOT_KEY : undefined
  },
  cutOff(world, random) {
    const isolate = pick(random, world.isolates)
    isolate.isCutOff = !isolate.isCutOff
  },
  evict: (world, random) => evict(world, anyObject(world, random)),
  away(world, random) {
    anyObject(world, random).awayUntil = world.now() + 20_000 * random()
  },
  loss(world, random) {
    if (random() < 0.8) return
    const object = anyObject(world, random)
    loseStorage(world, object)
    // Until the coordinator finds out.
    world.after(3_000 * random(), () => configure(world, object))
  },
  operator(world, random) {
    const modes = ['forced_open', 'forced_closed', 'metrics_only', null] as const
    const object = anyObject(world, random)
    if (object.storage.state !== undefined)
      operate(world, object, pick(random, modes), 1_000 + 20_000 * random())
  },
  birth(world) {
    if (world.isolates.length < 5_000) bear(world)
  },
  death(world, random) {
    const living = world.isolates.filter(({ isAlive }) => isAlive)
    if (living.length > 2) pick(random, living).isAlive = false
  },
  weather({ weather }, random) {
    weather.loss = pick(random, [0, 0.05, 0.3])
    weather.duplicate = pick(random, [0, 0.1, 0.3])
    weather.slow = pick(random, [0, 0.05, 0.2])
    weather.cancel = pick(random, [0, 0.1])
    weather.lateAlarmMs = pick(random, [50, 3_000])
  },
}

function chooseMood(random: Random): Mood {
  const kind = pick(random, ['dead', 'partial', 'region', 'neutral', 'dead', 'partial'] as const)
  if (kind === 'dead') return { kind, isHanging: random() < 0.3 }
  if (kind === 'partial') return { kind, rate: pick(random, [0.05, 0.3, 0.6, 0.9]) }
  return kind === 'region' ? { kind, region: Math.floor(3 * random()) } : { kind }
}

/** Swarm: every seed has another choice of what may go wrong at all. */
function disturb(world: World, random: Random, durationMs: number): void {
  const names = Object.keys(DISTURBANCES).filter((name) => name === 'mood' || random() < 0.5)
  const pauseMs = 1_000 + 4_000 * random()
  for (let left = durationMs; left > 0; ) {
    const waitMs = 2 * pauseMs * random()
    world.runFor(waitMs)
    left -= waitMs
    const name = pick(random, names)
    world.note({ e: 'disturbed', name })
    DISTURBANCES[name]!(world, random)
  }
}

/** Fairness: what is sent arrives, what is asked is answered. */
function calmDown(world: World): void {
  Object.assign(world.weather, CALM)
  for (const origin of world.origins)
    Object.assign(origin, { mood: HEALTHY, capacity: Number.POSITIVE_INFINITY, poison: undefined })
  for (const isolate of world.isolates) isolate.isCutOff = false
  for (const object of world.objects) {
    object.awayUntil = 0
    if (object.storage.state === undefined) configure(world, object)
  }
}
