import type { Outcome } from '../../shared/breaker/classify.ts'
import { mayRetry, RETRIES, takeToken } from '../../shared/breaker/retry-budget.ts'
import {
  BEACON_MS,
  type Breakers,
  createBreakers,
  type KnownBreaker,
  type Passage,
} from '../../workers/router/breakers.ts'
import { printViews } from './breaker-board.ts'
import type { Decision } from './breaker-decisions.ts'
import { serve } from './breaker-origin.ts'
import { type SendProbe, startReporting } from './breaker-reporting.ts'
import type { Clock, World } from './breaker-world.ts'

/** An isolate of the router: its requests go the way of workers/router/dispatch.ts. */
export interface Isolate {
  readonly index: number
  /** As the breaker objects know it. */
  readonly id: string
  readonly region: number
  readonly clock: Clock
  readonly breakers: Breakers
  /** How much more traffic it has than the mean. */
  readonly busyness: number
  sequence: number
  isAlive: boolean
  isCutOff: boolean
  /** Per placement, what became of its requests lately. */
  readonly tally: Tally[]
}

export interface Tally {
  readonly index: number
  allowed: number
  denied: number
  /** Failures that were answered. */
  failed: number
  lastAllowedAt: number
  /** The highest share of keys that a ramp has admitted. */
  ramp: { of: string; highest: number }
}

/** One request on its way from candidate to candidate. */
interface Tour {
  readonly key: string
  readonly isSafe: boolean
  readonly candidates: readonly number[]
  next: number
}

/** Of a tenant that is larger than the others. */
export const HOT_KEY = 'key-0'
const SAFE_SHARE = 0.7
const REFRESH_MS = 5_000

export function createIsolate(world: World, index: number, region: number): Isolate {
  const { random } = world
  const clock = { offset: 1e9 + 7.2e6 * random(), rate: 1 + 1e-4 * (random() - 0.5) }
  return {
    index,
    id: `isolate-${index}`,
    region,
    clock,
    breakers: createBreakers(random),
    busyness: world.busyness[Math.floor(world.busyness.length * random())]!,
    sequence: 0,
    isAlive: true,
    isCutOff: false,
    tally: world.placements.map((_, place) => startTally(place)),
  }
}

const startTally = (index: number): Tally => ({
  index,
  allowed: 0,
  denied: 0,
  failed: 0,
  lastAllowedAt: 0,
  ramp: { of: '', highest: 0 },
})

/** Requests come at random, refreshes every five to ten seconds. */
export function live(world: World, isolate: Isolate): void {
  const arrive = (): void => {
    if (!isolate.isAlive) return
    if (world.isBusy) request(world, isolate)
    world.after(-Math.log(1 - world.random()) * (1_000 / world.rate / isolate.busyness), arrive)
  }
  const renew = (): void => {
    if (!isolate.isAlive) return
    refresh(world, isolate)
    world.after(REFRESH_MS * (1 + world.random()), renew)
  }
  world.after((world.random() * 1_000) / world.rate, arrive)
  world.after(world.random() * REFRESH_MS, renew)
}

export function find(world: World, isolate: Isolate, index: number): KnownBreaker {
  const known = isolate.breakers.find(world.placements[index]!)
  // `find` starts a breaker at the real time, which is not that of this isolate.
  const now = world.read(isolate.clock)
  if (known.nextBeaconAt > now + 2 * BEACON_MS)
    known.nextBeaconAt = now + BEACON_MS * (0.5 + world.random() / 2)
  return known
}

function request(world: World, isolate: Isolate): void {
  const { random, placements } = world
  const index = Math.floor(random() * placements.length)
  const candidates = [index, ...placements[index]!.fallback]
  const isHot = random() < world.hotShare
  const key = isHot ? HOT_KEY : `key-${Math.floor(random() * world.keys)}`
  goOn(world, isolate, { key, isSafe: random() < SAFE_SHARE, candidates, next: 0 })
}

/** To the next candidate that is admitted. */
function goOn(world: World, isolate: Isolate, tour: Tour): void {
  while (tour.next < tour.candidates.length) {
    const isDecided = tour.next === 0
    const index = tour.candidates[tour.next++]!
    const isSafe = tour.isSafe || !(isDecided && tour.candidates.length > 1)
    const isLast = isDecided && tour.candidates.length === 1
    const passage = decide(world, isolate, index, { routingKey: tour.key, isSafe, isLast })
    if (passage !== undefined) {
      sendOn(world, isolate, tour, { index, passage })
      return
    }
    const known = find(world, isolate, index)
    const now = world.read(isolate.clock)
    const probe = tour.isSafe ? prepareProbe(world, isolate, tour, index) : undefined
    if (world.parts.wantsPermit(known, now))
      startReporting(world, isolate, index, known, now, probe)
  }
}

/** After the function of that name in workers/router/background-probe.ts. */
function prepareProbe(world: World, isolate: Isolate, tour: Tour, index: number): SendProbe {
  return (permit, settleProbe) => {
    const breaker = find(world, isolate, index)
    const stamp = breaker.held.view
    const passage = {
      breaker,
      stamp,
      permit,
      admittance: 'probe',
      circuitState: 'half_open',
    } as const
    const call = { key: tour.key, region: isolate.region, isCutOff: isolate.isCutOff }
    const { outcome, latencyMs } = serve(world.origins[index]!, call, world.now(), world.random)
    world.note({ e: 'probe', i: isolate.index, o: index, permit, r: outcome })
    const end = world.watch.onSend(isolate, index, passage)
    world.after(latencyMs, () => {
      end()
      const hasFailed = outcome === 'soft' || outcome === 'hard'
      if (isolate.isAlive) settleProbe(hasFailed ? 'failed' : outcome)
    })
  }
}

/** The decision itself: it is given memory, and nothing that it could call. */
export function decide(
  world: World,
  isolate: Isolate,
  index: number,
  request: Decision['request'],
): Passage | undefined {
  const now = world.read(isolate.clock)
  const known = find(world, isolate, index)
  const before = { ...known.held, isLocallyOpen: known.held.local.openUntil !== 0 }
  world.isDeciding = true
  const passage = world.parts.pass(isolate.breakers, world.placements[index]!, request, now)
  world.isDeciding = false
  world.watch.onDecision(isolate, index, { before, request, now, passage })
  return passage
}

interface Attempt {
  readonly index: number
  readonly passage: Passage
}

function sendOn(world: World, isolate: Isolate, tour: Tour, attempt: Attempt): void {
  const { index, passage } = attempt
  const call = { key: tour.key, region: isolate.region, isCutOff: isolate.isCutOff }
  const { outcome, latencyMs } = serve(world.origins[index]!, call, world.now(), world.random)
  world.note({ e: 'send', i: isolate.index, o: index, a: passage.admittance, k: tour.key })
  const end = world.watch.onSend(isolate, index, passage)
  world.after(latencyMs, () => {
    end()
    if (isolate.isAlive) settle(world, isolate, tour, attempt, outcome)
  })
}

function settle(
  world: World,
  isolate: Isolate,
  tour: Tour,
  { index, passage }: Attempt,
  outcome: Outcome,
): void {
  const now = world.read(isolate.clock)
  world.note({ e: 'answer', i: isolate.index, o: index, a: passage.admittance, r: outcome })
  if (outcome === 'soft' || outcome === 'hard') isolate.tally[index]!.failed++
  const known = passage.breaker
  if (world.parts.noteSeen({ passage, routingKey: tour.key, outcome }, now))
    startReporting(world, isolate, index, known, now)
  if (outcome !== 'hard' || !tour.isSafe || tour.next >= tour.candidates.length) return
  const { retries } = find(world, isolate, tour.candidates[0]!)
  if (!mayRetry(retries, RETRIES)) return
  takeToken(retries)
  goOn(world, isolate, tour)
}

function refresh(world: World, isolate: Isolate): void {
  world.send(() => {
    const views = printViews(world)
    world.send(() => {
      if (!isolate.isAlive) return
      const befores = world.placements.map((_, index) => readHeld(world, isolate, index))
      world.parts.apply(isolate.breakers, views, world.read(isolate.clock))
      world.placements.forEach((_, index) => {
        world.watch.onView(isolate, index, befores[index], readHeld(world, isolate, index))
      })
    })
  })
}

const readHeld = (world: World, isolate: Isolate, index: number) =>
  find(world, isolate, index).held.view

/** Whether a usual request would be admitted, apart from how far a ramp has come. */
export function isAdmitting(world: World, isolate: Isolate, index: number): boolean {
  const { view, local, selfSucceeded } = find(world, isolate, index).held
  if (local.openUntil !== 0) return false
  const isShut = view?.phase === 'open' || view?.phase === 'half_open'
  return !isShut || selfSucceeded >= 3
}
