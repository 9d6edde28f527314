import type { Placement } from '../../shared/config/snapshot.ts'
import {
  type Balance,
  noteEnded,
  noteSent,
  orderEndpoints,
  startBalance,
} from '../../shared/routing/balance.ts'
import { aPlacement } from '../support/a-config.ts'
import { createEventQueue } from './event-queue.ts'
import { createRandom } from './random.ts'

/**
 * Endpoints that queue, in virtual time, behind isolates of which each has only its own view. The
 * balancing is the product's. Requests come at random (Poisson) to a random isolate, the service
 * takes an exponentially distributed time, and endpoint 0 needs ten times as long as the others.
 */
export interface BalancingOptions {
  readonly seed: number
  readonly balance: Placement['balance']
  readonly isolates: number
  readonly durationMs: number
  /** The share of answers that are failures, of every endpoint alike. */
  readonly failureRate?: number
}

export interface BalancingResult {
  /** Latencies in ms, over all requests since the first. */
  readonly p50: number
  readonly p99: number
  /** The share of requests that went to endpoint 0. */
  readonly shareToSlow: number
}

const ENDPOINTS = 10
const SLOTS = 8
const SERVICE_MS = 10
const SLOWNESS = 10
/** Of what the endpoints could serve if none were slow. */
const LOAD = 0.6
/** Who would wait for longer is served by then all the same: a queue that sheds. */
const MAX_WAIT_MS = 1_000
/** The queue of events counts in ticks. */
const TICKS_PER_MS = 20

export function simulateBalancing(options: BalancingOptions): BalancingResult {
  const { seed, balance, isolates, durationMs, failureRate = 0 } = options
  const random = createRandom(seed)
  const drawMs = (meanMs: number): number => -Math.log(1 - random()) * meanMs
  const placement = createPlacement(balance)
  const balances: readonly Balance[] = Array.from({ length: isolates }, () =>
    startBalance(placement, random),
  )
  const endpoints = Array.from({ length: ENDPOINTS }, () => Array<number>(SLOTS).fill(0))
  const queue = createEventQueue()
  const latencies: number[] = []
  let sentToSlow = 0

  const send = (now: number): void => {
    const view = balances[Math.floor(random() * isolates)]!
    const index = orderEndpoints(placement, view, { routingKey: '', now, random })[0]!
    if (index === 0) sentToSlow++
    noteSent(view, index, now)
    const serviceMs = drawMs(index === 0 ? SERVICE_MS * SLOWNESS : SERVICE_MS)
    const latencyMs = enqueue(endpoints[index]!, now, serviceMs)
    latencies.push(latencyMs)
    const hasFailed = random() < failureRate
    queue.schedule((now + latencyMs) * TICKS_PER_MS, (tick) =>
      noteEnded(view, index, { latencyMs, hasFailed }, tick / TICKS_PER_MS),
    )
  }

  const meanGapMs = SERVICE_MS / (ENDPOINTS * SLOTS * LOAD)
  const arrive = (at: number): void => {
    queue.schedule(at * TICKS_PER_MS, () => {
      send(at)
      arrive(at + drawMs(meanGapMs))
    })
  }
  arrive(0)
  queue.runUntil(durationMs * TICKS_PER_MS)

  latencies.sort((a, b) => a - b)
  const readQuantile = (share: number): number => latencies[Math.floor(share * latencies.length)]!
  const shareToSlow = sentToSlow / latencies.length
  return { p50: readQuantile(0.5), p99: readQuantile(0.99), shareToSlow }
}

/** First come, first served: the wait for the slot that is free first, and the service, in ms. */
function enqueue(freeAt: number[], now: number, serviceMs: number): number {
  let slot = 0
  for (let i = 1; i < freeAt.length; i++) if (freeAt[i]! < freeAt[slot]!) slot = i
  const waitMs = Math.max(0, freeAt[slot]! - now)
  if (waitMs > MAX_WAIT_MS) return MAX_WAIT_MS + serviceMs
  freeAt[slot] = now + waitMs + serviceMs
  return waitMs + serviceMs
}

function createPlacement(balance: Placement['balance']): Placement {
  const endpoints: Placement['endpoints'] = Array.from({ length: ENDPOINTS }, (_, index) => ({
    kind: 'url',
    base: `https://cell-${index}.example`,
    weight: 1,
  }))
  return { ...aPlacement(), name: 'cell', fallback: [], balance, endpoints }
}
