import type { BreakerView } from '../../shared/breaker/view.ts'
import type { Placement, Snapshot } from '../../shared/config/snapshot.ts'
import type { Problem } from '../../shared/problem/problem.ts'
import { fail, type Result, succeed } from '../../shared/result.ts'
import { listCandidates } from '../../shared/routing/failover.ts'
import { readOptionalObject } from './body.ts'
import { type Answer, type Call, readAuthor, refuseRequest } from './call.ts'
import { askBreaker, findPlacement, showPlacement } from './placements.ts'

/**
 * Taking a placement out of service: new requests go to its fallback, or else to the default
 * placement, until it is taken back. Refused when nobody would be left to answer them.
 */
export async function drain(call: Call): Promise<Answer> {
  const found = await findPlacement(call)
  if (!found.ok) return found
  const { snapshot, placement } = found.value
  const isForced = await readForce(call)
  if (!isForced.ok) return isForced
  if (!isForced.value && !(await hasSubstitute(call, snapshot, placement)))
    return fail<Problem>({ code: 'last_available_placement' })
  return setDraining(call, placement, true)
}

export async function undrain(call: Call): Promise<Answer> {
  const found = await findPlacement(call)
  return found.ok ? setDraining(call, found.value.placement, false) : found
}

async function setDraining(call: Call, placement: Placement, isDraining: boolean): Promise<Answer> {
  const owner = readAuthor(call.request)
  const view = await askBreaker(call, placement, (breaker) => breaker.drain(isDraining, owner))
  if (!view.ok) return view
  call.wiring.afterOverride(placement.name, view.value)
  return showPlacement(call)
}

/** `?force=true`, or a body `{"force": true}`; a body may be absent. */
async function readForce({ url, request }: Call): Promise<Result<boolean, Problem>> {
  const body = await readOptionalObject(request)
  if (!body.ok) return body
  const force = body.value.get('force') ?? url.searchParams.get('force') === 'true'
  return typeof force === 'boolean'
    ? succeed(force)
    : refuseRequest('"force" must be true or false')
}

async function hasSubstitute(
  call: Call,
  snapshot: Snapshot,
  placement: Placement,
): Promise<boolean> {
  const others = listCandidates(snapshot, placement, true).filter((other) => other !== placement)
  const standing = others.map(async (other) => {
    const view = await askBreaker(call, other, (breaker) => breaker.view())
    // One whose object has not heard of it yet has not failed either.
    return view.ok ? isTaking(view.value, other) : view.error.code === 'placement_not_found'
  })
  return (await Promise.all(standing)).includes(true)
}

const isTaking = (view: BreakerView, { endpoints }: Placement): boolean =>
  !view.isDraining &&
  view.unhealthy.length < endpoints.length &&
  (view.phase === 'closed' || view.phase === 'recovering')
