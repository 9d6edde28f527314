import { find, type Isolate, isAdmitting } from './breaker-isolate.ts'
import { type BreakerObject, operate } from './breaker-object.ts'
import { HEALTHY } from './breaker-origin.ts'
import { Violation } from './breaker-trace.ts'
import type { World } from './breaker-world.ts'

/** How a run ends when nothing goes wrong any more: what has to happen then, L1 to L5. */
export interface Ending {
  readonly name: string
  /** The isolates are on their own: their placements need a rule that one isolate can meet. */
  readonly isLocal: boolean
  run(world: World): void
}

const SECOND_MS = 1_000
const MINUTE_MS = 60_000
const HALF_OPEN_MAX_MS = 60_000
const EXPIRE_MS = 120_000
const REFRESH_MS = 10_000
const HANGING_MS = 10_000
/** Of an object that could not reach the coordinator. */
const LONGEST_BACKOFF_MS = 66_000
const LONGEST_LOCAL_MS = 30_000
/** Traffic per isolate is sparse, and each step needs a request. */
const SLACK_MS = 60_000

export const ENDINGS: readonly Ending[] = [
  {
    name: 'dead, healed, quiet',
    isLocal: false,
    run(world) {
      die(world)
      heal(world)
      becomeQuiet(world)
    },
  },
  {
    name: 'dead without an object, healed',
    isLocal: true,
    run(world) {
      dieAlone(world)
      healAlone(world)
    },
  },
  {
    name: 'neutral, healed, quiet',
    isLocal: false,
    run(world) {
      sayNothing(world)
      heal(world)
      becomeQuiet(world)
    },
  },
  {
    name: 'healed, dead, quiet',
    isLocal: false,
    run(world) {
      heal(world)
      die(world)
      becomeQuiet(world)
    },
  },
]

const listLiving = (world: World): Isolate[] => world.isolates.filter(({ isAlive }) => isAlive)

/** Runs until it is so, second by second. */
function waitFor(
  world: World,
  invariant: string,
  boundMs: number,
  isSo: () => boolean,
  describe: () => string,
): void {
  const end = world.now() + boundMs
  while (!isSo()) {
    if (world.now() >= end) throw new Violation(invariant, `${describe()} after ${boundMs} ms`)
    world.runFor(SECOND_MS)
  }
}

const isShut = ({ storage }: BreakerObject): boolean =>
  storage.state?.phase === 'open' || storage.state?.phase === 'half_open'

const print = (world: World, isolate: Isolate, index: number): string => {
  const { view, receivedAt, local, selfSucceeded } = find(world, isolate, index).held
  const now = world.read(isolate.clock)
  const ageMs = now - receivedAt
  return JSON.stringify({ isolate: isolate.id, view, ageMs, selfSucceeded, now, local })
}

const printAll = (world: World, wrong: () => readonly Isolate[]) => (): string =>
  `${JSON.stringify(world.objects[0]!.storage.state)} ${wrong()
    .slice(0, 3)
    .map((isolate) => print(world, isolate, 0))
    .join(' ')}`

/**
 * L1: the object opens, and then no isolate sends a request but probes. By rates alone it may not
 * open when all isolates are so quick to leave the cell alone that too few failures are reported.
 */
function die(world: World): void {
  const object = world.objects[0]!
  const hasStreak = world.placements[0]!.circuitBreaker.consecutiveFailures !== null
  world.note({ e: 'dies' })
  world.origins[0]!.mood = { kind: 'dead', isHanging: world.random() < 0.3 }
  const since = world.now()
  const admitting = () =>
    listLiving(world).filter((isolate) => {
      const lastAt = Math.max(since, isolate.tally[0]!.lastAllowedAt)
      return isAdmitting(world, isolate, 0) || world.now() - lastAt < REFRESH_MS
    })
  // What an operator forced is over by then.
  const isOver = () =>
    object.storage.state?.override === null &&
    (isShut(object) || !hasStreak) &&
    admitting().length === 0
  const boundMs = HANGING_MS + SLACK_MS + MINUTE_MS + 3 * REFRESH_MS
  waitFor(world, 'L1', boundMs, isOver, printAll(world, admitting))
  if (!isShut(object)) world.counters.unopened++
}

/** L1 without an object: each isolate that has seen enough failures is on its own. */
function dieAlone(world: World): void {
  const object = world.objects[0]!
  waitFor(
    world,
    'L1',
    MINUTE_MS,
    () => object.storage.state?.override === null,
    () => 'still forced',
  )
  world.runFor(2 * REFRESH_MS)
  // What is heard of it last may be an operator's word.
  const mode = world.random() < 0.5 ? 'forced_open' : 'forced_closed'
  if (world.random() < 0.5) operate(world, object, mode, 15_000)
  world.runFor(5_000)
  object.awayUntil = Number.POSITIVE_INFINITY
  world.runFor(2 * REFRESH_MS)
  world.origins[0]!.mood = { kind: 'dead', isHanging: world.random() < 0.3 }
  world.runFor(HANGING_MS)
  for (const { tally } of world.isolates) tally[0]!.failed = 0
  const enough = (world.placements[0]!.circuitBreaker.consecutiveFailures ?? 1) + 1
  world.runFor(MINUTE_MS)
  const admitting = listLiving(world).filter(
    (isolate) => isolate.tally[0]!.failed >= enough && isAdmitting(world, isolate, 0),
  )
  if (admitting.length > 0) throw new Violation('L1', printAll(world, () => admitting)())
}

/** L3: the object never comes back, and every isolate serves its requests all the same. */
function healAlone(world: World): void {
  const { openForMaxMs, recoveryMs } = world.placements[0]!.circuitBreaker
  world.origins[0]!.mood = HEALTHY
  const perRequestMs = (SECOND_MS * world.placements.length) / world.rate
  const probesMs = 3 * (5_000 + 4 * perRequestMs) + LONGEST_LOCAL_MS
  const denying = () => listLiving(world).filter((isolate) => !isAdmitting(world, isolate, 0))
  const boundMs = EXPIRE_MS + openForMaxMs + recoveryMs + probesMs + SLACK_MS
  waitFor(world, 'L3', boundMs, () => denying().length === 0, printAll(world, denying))
  world.runFor(recoveryMs)
  const since = world.now()
  for (const { tally } of world.isolates) tally[0]!.denied = 0
  world.runFor(10 * perRequestMs)
  const wrong = listLiving(world).filter(
    ({ tally }) => tally[0]!.denied > 0 && tally[0]!.lastAllowedAt < since,
  )
  if (wrong.length > 0) throw new Violation('L3', printAll(world, () => wrong)())
}

/** L2: closed at the object, and admitted everywhere. */
function heal(world: World): void {
  const object = world.objects[0]!
  const { openForMaxMs, recoveryMs } = world.placements[0]!.circuitBreaker
  world.note({ e: 'heals' })
  world.origins[0]!.mood = HEALTHY
  const isClosed = () =>
    object.storage.state?.phase === 'closed' && object.storage.state.override === null
  const boundMs = openForMaxMs + HALF_OPEN_MAX_MS + recoveryMs + HANGING_MS + SLACK_MS
  waitFor(
    world,
    'L2',
    boundMs,
    isClosed,
    printAll(world, () => []),
  )
  const denying = () => listLiving(world).filter((isolate) => !isAdmitting(world, isolate, 0))
  const learnMs = REFRESH_MS + LONGEST_LOCAL_MS + SLACK_MS
  waitFor(world, 'L2', learnMs, () => denying().length === 0, printAll(world, denying))
}

/** L4: a cell that is open and then says nothing either way for a while. */
function sayNothing(world: World): void {
  const object = world.objects[0]!
  die(world)
  const hasOpened = isShut(object)
  world.origins[0]!.mood = { kind: 'neutral' }
  world.runFor(HANGING_MS)
  const { openForMaxMs } = world.placements[0]!.circuitBreaker
  const before = object.storage.state?.round.issued ?? 0
  const generation = object.storage.state?.generation ?? 0
  world.runFor(openForMaxMs + MINUTE_MS / 2)
  const { state } = object.storage
  const isTried =
    state !== undefined && (state.generation > generation || state.round.issued > before)
  if (!hasOpened) return
  if (!isShut(object)) throw new Violation('L4', `${state?.phase} though nothing succeeded`)
  if (!isTried) throw new Violation('L4', `nobody tries: ${JSON.stringify(state)}`)
}

/** L5: no traffic, all news spread, and everybody who was told holds the same. */
function becomeQuiet(world: World): void {
  world.isBusy = false
  const longestMs = Math.max(...world.placements.map((one) => one.circuitBreaker.openForMaxMs))
  world.weather.loss = 0.3
  world.runFor(HANGING_MS + longestMs)
  world.weather.loss = 0
  world.runFor(LONGEST_BACKOFF_MS + 3 * REFRESH_MS)
  world.objects.forEach((object, index) => {
    const { state } = object.storage
    // Nobody is told of a breaker that never changed.
    if (state === undefined || state.version === 1) return
    const wrong = listLiving(world).filter((isolate) => {
      const { view } = find(world, isolate, index).held
      return view?.epoch !== state.epoch || view.version !== state.version
    })
    if (wrong.length > 0)
      throw new Violation('L5', `${JSON.stringify(state)} ${print(world, wrong[0]!, index)}`)
  })
}
