import type { Placement } from '../../shared/config/snapshot.ts'
import type { Problem } from '../../shared/problem/problem.ts'
import { fail, type Result, succeed } from '../../shared/result.ts'
import { pickEndpoint } from '../../shared/routing/balance.ts'
import type { Decision } from '../../shared/routing/decide.ts'
import type { Exchange, Router } from './exchange.ts'
import type { Slot } from './slots.ts'

/** A decision that the limits let through: the placement named here is the one that is charged. */
export interface Admission {
  readonly placement: Placement
  readonly endpointIndex: number
  /** Only placements with a limit pay for one. */
  readonly slot: Slot | undefined
}

/** Past its header deadline by this much, a slot without an answer is free again. */
export const SLOT_BACKSTOP_MS = 5_000

export function admit(
  router: Router,
  exchange: Exchange,
  decision: Decision,
): Result<Admission, Problem> {
  const { placement } = decision
  const tooLarge = findDeclaredExcess(exchange, placement)
  if (tooLarge !== undefined) return fail(tooLarge)
  const slot = takeSlot(router, placement)
  if (slot === 'full') return fail({ code: 'concurrency_limit', retryAfterSeconds: 1 })
  const turn = placement.endpoints.length === 1 ? 0 : router.nextTurn(placement)
  const endpointIndex = pickEndpoint(placement, turn)
  if (endpointIndex !== -1) return succeed({ placement, endpointIndex, slot })
  slot?.release()
  return fail({ code: 'no_endpoint' })
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
