import type { JsonObject } from '../../shared/config/json.ts'
import type { Placement, Snapshot } from '../../shared/config/snapshot.ts'
import { parseDuration } from '../../shared/duration.ts'
import type { Problem } from '../../shared/problem/problem.ts'
import { fail, type Result, succeed } from '../../shared/result.ts'
import type { BreakerApi } from '../../shared/rpc/breaker.ts'
import { readObject } from './body.ts'
import { type Answer, askObject, type Call, readAuthor, readHeld } from './call.ts'

/**
 * The pages of placements. Whether a placement is published is looked up in the snapshot, before
 * any object is touched: no object is ever made from a name that somebody wrote.
 */

export async function listPlacements(call: Call): Promise<Answer> {
  const held = await readHeld(call)
  if (!held.ok) return held
  const { snapshot } = held.value
  const placements = snapshot.placements.map((placement) =>
    printPlacement(call, snapshot, placement),
  )
  return succeed({ status: 200, body: { placements } })
}

export async function showPlacement(call: Call): Promise<Answer> {
  const found = await findPlacement(call)
  if (!found.ok) return found
  const { snapshot, placement } = found.value
  const status = await askBreaker(call, placement, (breaker) => breaker.status())
  // Right after a publish the object may not have heard of it; without objects there is none.
  if (!status.ok && status.error.code !== 'placement_not_found') return status
  const body = printPlacement(call, snapshot, placement)
  return succeed({ status: 200, body: { ...body, breaker: status.ok ? status.value : null } })
}

/** Forces the breaker open or closed for a time, or takes that back. */
export async function forceBreaker(call: Call): Promise<Answer> {
  const found = await findPlacement(call)
  if (!found.ok) return found
  const body = await readObject(call.request)
  if (!body.ok) return body
  const order = readOrder(body.value)
  if (!order.ok) return order
  const { placement } = found.value
  const owner = readAuthor(call.request)
  const forced = order.value
  const view = await askBreaker(call, placement, (breaker) =>
    forced === 'auto' ? breaker.clearOverride() : breaker.override({ ...forced, owner }),
  )
  if (!view.ok) return view
  call.wiring.afterOverride(placement.name, view.value)
  return showPlacement(call)
}

interface Order {
  readonly mode: 'forced_open' | 'forced_closed'
  readonly ttlMs: number
  readonly reason: string
}

const LONGEST_REASON = 500

function readOrder(body: JsonObject): Result<Order | 'auto', Problem> {
  const state = body.get('state')
  if (state === 'auto') return succeed('auto')
  if (state !== 'open' && state !== 'closed')
    return refuseOverride('"state" must be "open", "closed" or "auto"')
  const ttl = body.get('ttl')
  if (typeof ttl !== 'string')
    return refuseOverride('"ttl" is missing: a forced state ends by itself, such as after "10m"')
  const ttlMs = parseDuration(ttl)
  if (!ttlMs.ok) return refuseOverride(`"ttl" ${ttlMs.error}`)
  const reason = body.get('reason') ?? ''
  if (typeof reason !== 'string' || reason.length > LONGEST_REASON)
    return refuseOverride(`"reason" must be text of at most ${LONGEST_REASON} characters`)
  return succeed({ mode: `forced_${state}`, ttlMs: ttlMs.value, reason })
}

const refuseOverride = (detail: string) => fail<Problem>({ code: 'invalid_override', detail })

interface Found {
  readonly snapshot: Snapshot
  readonly placement: Placement
}

export async function findPlacement(call: Call): Promise<Result<Found, Problem>> {
  const held = await readHeld(call)
  if (!held.ok) return held
  const { snapshot } = held.value
  const placement = snapshot.placements.find(({ name }) => name === call.params['placement'])
  if (placement !== undefined) return succeed({ snapshot, placement })
  return fail({ code: 'placement_not_found' })
}

export function askBreaker<T>(
  call: Call,
  { name }: Placement,
  ask: (breaker: BreakerApi) => Result<T, Problem> | Promise<Result<T, Problem>>,
): Promise<Result<T, Problem>> {
  const breaker = call.wiring.breaker(call.env, name)
  if (breaker === undefined) return Promise.resolve(fail({ code: 'placement_not_found' }))
  return askObject(call, () => ask(breaker))
}

/** With how it stands in this isolate, which is how its requests are decided. */
function printPlacement(
  { wiring }: Call,
  { placements, table: _, ...snapshot }: Snapshot,
  placement: Placement,
) {
  const { name, kind, endpoints, fallback, whenOpen, balance } = placement
  const { circuitState, availability } = wiring.standing(placement)
  return {
    name,
    kind,
    circuitState,
    availability,
    isDefault: placements[snapshot.defaultPlacement] === placement,
    endpoints,
    fallbacks: fallback.map((index) => placements[index]?.name),
    whenOpen,
    balance,
  }
}
