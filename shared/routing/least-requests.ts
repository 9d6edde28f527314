import type { Endpoint } from '../config/snapshot.ts'

/**
 * The better of two random endpoints (Mitzenmacher, "The Power of Two Choices in Randomized Load
 * Balancing"), by peak EWMA (Finagle's load metric): latency × (requests in flight + 1) / weight.
 * An isolate sees a small part of what is in flight; the latency tells it of the rest. The share of
 * failures adds to the latency what they cost on average.
 */
export interface Load {
  /** null: never measured. */
  latencyMs: number | null
  /** Of its latest outcomes, 0 to 1. */
  failureRate: number
  /** When an outcome came last, ms since the epoch. */
  measuredAt: number
  /** Never negative. */
  inFlight: number
  /** When a request was sent or ended last, ms since the epoch. */
  heardOfAt: number
}

/** A request that has ended, as far as it says something about the endpoint. */
export interface Outcome {
  readonly latencyMs: number
  readonly hasFailed: boolean
}

/** What is known of an endpoint is forgotten with this time constant. */
export const TIME_CONSTANT_MS = 10_000
/** A Worker's clock has whole milliseconds: without a floor, 0 ms would outweigh any queue. */
export const MIN_LATENCY_MS = 1
/** Ends can get lost with their context; without any news for so long, nothing is in flight. */
export const SILENCE_MS = 60_000
/**
 * A failure costs as much as this latency. It is averaged: were it a peak, one failure in a hundred
 * requests, of every endpoint alike, would at any time leave but a few that take all the load.
 */
export const FAILURE_MS = 1_000
const FAILURE_RATE_STEP = 1 / 8

export const startLoad = (): Load => ({
  latencyMs: null,
  failureRate: 0,
  measuredAt: 0,
  inFlight: 0,
  heardOfAt: 0,
})

/** The better of two candidates first, then the others by cost. `selectable` is not empty. */
export function orderByCost(
  loads: readonly Load[],
  endpoints: readonly Endpoint[],
  selectable: readonly number[],
  { now, random }: { readonly now: number; readonly random: () => number },
): readonly number[] {
  if (selectable.length === 1) return selectable
  const costs = readCosts(loads, endpoints, now)
  const byCost = (a: number, b: number): number => (costs[a] ?? 0) - (costs[b] ?? 0)
  const [first, second] = drawTwo(selectable, random)
  // In random order, so that a tie is decided at random.
  const picked = byCost(first, second) <= 0 ? first : second
  const others = selectable.filter((index) => index !== picked)
  return [picked, ...others.sort(byCost)]
}

export function noteLoadSent(load: Load, now: number): void {
  load.inFlight = readInFlight(load, now) + 1
  load.heardOfAt = now
}

/** null: the end of a request that says nothing, such as one that its client gave up. */
export function noteLoadEnded(load: Load, outcome: Outcome | null, now: number): void {
  load.inFlight = Math.max(0, readInFlight(load, now) - 1)
  load.heardOfAt = now
  if (outcome === null) return
  const decay = readDecay(load, now)
  load.latencyMs = averageLatency(load.latencyMs, outcome, decay)
  const failureRate = load.failureRate * decay
  load.failureRate = failureRate + FAILURE_RATE_STEP * (Number(outcome.hasFailed) - failureRate)
  load.measuredAt = now
}

/** Decays towards 0 while nothing is measured, so that a slow endpoint is tried again. */
export function readLatencyMs(load: Load, now: number): number | null {
  if (load.latencyMs === null) return null
  return Math.max(MIN_LATENCY_MS, load.latencyMs * readDecay(load, now))
}

/** Up to a higher sample at once, towards a lower one with time; failing fast makes nobody fast. */
function averageLatency(
  known: number | null,
  { latencyMs, hasFailed }: Outcome,
  decay: number,
): number | null {
  if (known === null) return hasFailed ? null : latencyMs
  if (latencyMs >= known) return latencyMs
  return hasFailed ? known : known * decay + latencyMs * (1 - decay)
}

/** By endpoint. Those never measured are taken for typical: the lower median of the others. */
function readCosts(
  loads: readonly Load[],
  endpoints: readonly Endpoint[],
  now: number,
): readonly number[] {
  const latencies = loads.map((load) => readLatencyMs(load, now))
  const measured = latencies.filter((latencyMs) => latencyMs !== null).sort((a, b) => a - b)
  const prior = measured[(measured.length - 1) >> 1] ?? MIN_LATENCY_MS
  return loads.map((load, index) => {
    const failureMs = load.failureRate * readDecay(load, now) * FAILURE_MS
    const expectedMs = (latencies[index] ?? prior) + failureMs
    return (expectedMs * (readInFlight(load, now) + 1)) / (endpoints[index]?.weight ?? 0)
  })
}

function drawTwo(selectable: readonly number[], random: () => number): readonly [number, number] {
  const first = Math.floor(random() * selectable.length)
  const among = Math.floor(random() * (selectable.length - 1))
  const second = among < first ? among : among + 1
  return [selectable[first] ?? 0, selectable[second] ?? 0]
}

function readInFlight({ inFlight, heardOfAt }: Load, now: number): number {
  return now - heardOfAt < SILENCE_MS ? inFlight : 0
}

/** A clock may step back: then no time has passed. */
function readDecay({ measuredAt }: Load, now: number): number {
  return Math.exp(-Math.max(0, now - measuredAt) / TIME_CONSTANT_MS)
}
