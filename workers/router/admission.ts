import { listUnhealthy, readAvailability } from '../../shared/breaker/admit.ts'
import { noteProbe } from '../../shared/breaker/pending.ts'
import type { Placement } from '../../shared/config/snapshot.ts'
import type { Problem } from '../../shared/problem/problem.ts'
import { orderEndpoints } from '../../shared/routing/balance.ts'
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

/** What the request could do instead. */
export interface Alternatives {
  /** It may be repeated elsewhere if it fails. */
  readonly isSafe: boolean
  /** Nobody else may answer it. */
  readonly isLast: boolean
}

/** A problem: this request cannot be this placement's. */
export function admit(
  router: Router,
  exchange: Exchange,
  placement: Placement,
  alternatives: Alternatives,
): Admission | Problem | Absence {
  const standing = readStanding(router, placement, exchange.startedAt)
  if (standing !== 'available') return standing
  return admitThough(router, exchange, placement, alternatives)
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
  alternatives: Alternatives,
): Admission | Problem | 'denied' {
  const tooLarge = findDeclaredExcess(exchange, placement)
  if (tooLarge !== undefined) return tooLarge
  if (router.balances.find(placement).weighted.length === 0) return { code: 'no_endpoint' }
  const slot = takeSlot(router, placement)
  if (slot === 'full') return { code: 'concurrency_limit', retryAfterSeconds: 1 }
  const routingKey = exchange.trail.routingKey ?? ''
  const { breakers } = router.reporter
  const passage = pass(breakers, placement, { routingKey, ...alternatives }, exchange.startedAt)
  if (passage !== undefined)
    return { placement, passage, order: orderFor(router, exchange, placement), slot }
  slot?.release()
  return 'denied'
}

/** Unhealthy ones only when there is no other. */
export function orderFor({ balances, reporter }: Router, exchange: Exchange, placement: Placement) {
  const { breakers, random } = reporter
  const now = exchange.startedAt
  const routingKey = exchange.trail.routingKey ?? ''
  const excluded = listUnhealthy(breakers.find(placement).held, now)
  return orderEndpoints(placement, balances.find(placement), { routingKey, now, random, excluded })
}

/** A client that leaves ends the request, and everything that would have followed, at once. */
export function giveBackOnLeaving({ request }: Exchange, { passage, slot }: Admission): void {
  const { permit, breaker } = passage
  if (slot === undefined && permit === undefined) return
  request.signal.addEventListener('abort', () => {
    slot?.release()
    if (permit !== undefined) noteProbe(breaker.pending, permit, 'neutral')
  })
}

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
