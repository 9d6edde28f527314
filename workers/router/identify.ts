import type { Snapshot } from '../../shared/config/snapshot.ts'
import type { Problem } from '../../shared/problem/problem.ts'
import { isLooping } from '../../shared/proxy/headers.ts'
import { fail, type Result, succeed } from '../../shared/result.ts'
import {
  describeMissingKey,
  findRoutingKey,
  type KeyCarrier,
} from '../../shared/routing/routing-key.ts'
import type { Exchange } from './exchange.ts'

/** The routing key of a tenant's request; without one there is nowhere to send it. */
export function identify(snapshot: Snapshot, carrier: KeyCarrier): Result<string, Problem> {
  const found = findRoutingKey(snapshot.routingKey, carrier)
  if (!found.ok) return found
  if (found.value === null) return fail(describeMissingKey(snapshot.routingKey))
  return succeed(found.value.key)
}

const ACCEPTED = succeed(undefined)

export function refuseLoop({ headers, survey }: Exchange): Result<undefined, Problem> {
  return survey.has('via') && isLooping(headers.get('via'))
    ? fail({ code: 'loop_detected' })
    : ACCEPTED
}
