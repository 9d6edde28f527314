import { listUnhealthy, readAvailability } from '../../shared/breaker/admit.ts'
import type { Placement } from '../../shared/config/snapshot.ts'
import type { Problem } from '../../shared/problem/problem.ts'
import { type Passage, pass } from './breakers.ts'
import type { Exchange, Router } from './exchange.ts'
import type { Slot } from './slots.ts'

/** A placement that breaker and limits let through: the one named here is the one that is charged. */
export interface Admission {
  readonly placement: Placement
  readonly passage: Passage
  /** Indexes of its endpoints, in the order in which they are tried. */
  readonly order: readonly number[]
  /** Only placements with a limit pay for one. */
  readonly slot: Slot | undefined
}

/** Past its header deadline by this much, a slot without an answer is free again. */
export const SLOT_BACKSTOP_MS = 5_000

/** Why a placement takes no request now: its breaker, its health, or its operator. */
export type Absence = 'denied' | 'unhealthy' | 'draining'

/** `isSafe`: it may be repeated elsewhere. A problem: this request cannot be this placement's. */
export function admit(
  router: Router,
  exchange: Exchange,
  placement: Placement,
  isSafe: boolean,
): Admission | Problem | Absence {
  const standing = readStanding(router, placement, exchange.startedAt)
  if (standing !== 'available') return standing
  return admitThough(router, exchange, placement, isSafe)
}

export function readStanding(
  { reporter }: Router,
  placement: Placement,
  now: number,
): ReturnType<typeof readAvailability> {
  return readAvailability(reporter.breakers.find(placement).held, placement.endpoints.length, now)
}

/** Whether or not it is healthy. */
export function admitThough(
  router: Router,
  exchange: Exchange,
  placement: Placement,
  isSafe: boolean,
): Admission | Problem | 'denied' {
  const tooLarge = findDeclaredExcess(exchange, placement)
  if (tooLarge !== undefined) return tooLarge
  const turn = placement.endpoints.length === 1 ? 0 : router.nextTurn(placement)
  const order = listSelectable(router, placement, turn, exchange.startedAt)
  if (order.length === 0) return { code: 'no_endpoint' }
  const slot = takeSlot(router, placement)
  if (slot === 'full') return { code: 'concurrency_limit', retryAfterSeconds: 1 }
  const routingKey = exchange.trail.routingKey ?? ''
  const { breakers } = router.reporter
  const passage = pass(breakers, placement, { routingKey, isSafe }, exchange.startedAt)
  if (passage !== undefined) return { placement, passage, order, slot }
  slot?.release()
  return 'denied'
}

/** Round robin, then the others in the order in which they would follow. */
function listSelectable(
  { reporter }: Router,
  placement: Placement,
  turn: number,
  now: number,
): readonly number[] {
  const { endpoints } = placement
  if (endpoints.length === 1 && endpoints[0]?.weight !== 0) return ONLY
  const weighted = [...endpoints.keys()].filter((index) => endpoints[index]?.weight !== 0)
  const unhealthy = listUnhealthy(reporter.breakers.find(placement).held, now)
  const healthy = weighted.filter((index) => !unhealthy.includes(index))
  const selectable = healthy.length > 0 ? healthy : weighted
  const start = turn % Math.max(1, selectable.length)
  return [...selectable.slice(start), ...selectable.slice(0, start)]
}

const ONLY = [0]

function takeSlot(router: Router, placement: Placement): Slot | undefined | 'full' {
  const { name, concurrencyLimit, timeouts } = placement
  if (concurrencyLimit === null) return undefined
  const now = Date.now()
  const deadline = now + timeouts.headersMs + SLOT_BACKSTOP_MS
  return router.slots.take(name, concurrencyLimit, now, deadline) ?? 'full'
}

/** A body that says that it is too large is refused before the cell hears of it. */
function findDeclaredExcess({ headers }: Exchange, placement: Placement): Problem | undefined {
  const limit = placement.maxRequestBodyBytes
  if (limit === null) return undefined
  const declared = Number(headers.get('content-length') ?? 0)
  return declared > limit ? describeExcess(limit) : undefined
}

export const describeExcess = (limit: number): Problem => ({
  code: 'body_too_large',
  detail: `The request body is larger than ${limit} bytes`,
})
