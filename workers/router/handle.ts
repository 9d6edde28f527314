import type { Snapshot } from '../../shared/config/snapshot.ts'
import { decide } from '../../shared/routing/decide.ts'
import { refuseEscapedSlash } from '../../shared/routing/escaped-slashes.ts'
import { dispatch } from './dispatch.ts'
import type { Exchange, Router } from './exchange.ts'
import { identify, refuseLoop } from './identify.ts'
import { must } from './refusal.ts'

/**
 * The hot path. One snapshot from first line to last; each stage needs what the stage above it
 * returned, so the order cannot be got wrong.
 */
export function handle(exchange: Exchange, snapshot: Snapshot, router: Router): Promise<Response> {
  const { headers, target, trail } = exchange
  trail.revision = snapshot.revision
  trail.routingKey = must(identify(snapshot, { headers, target }))
  must(refuseEscapedSlash(snapshot, target))
  must(refuseLoop(exchange))
  trail.decision = decide(snapshot, trail.routingKey)
  return dispatch(exchange, snapshot, trail.decision, router)
}
