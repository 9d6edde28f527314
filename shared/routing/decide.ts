import { lookUp } from '../config/routing-table.ts'
import type { Placement, Snapshot } from '../config/snapshot.ts'

/** Where a routing key belongs, why, and by which revision. */
export interface Decision {
  readonly placement: Placement
  readonly reason: 'dedicated' | 'tier' | 'default'
  readonly revision: number
}

/** A key in the table goes to its placement, any other to the default placement. */
export function decide(snapshot: Snapshot, routingKey: string): Decision {
  const { placements, defaultPlacement, revision } = snapshot
  const index = lookUp(snapshot.table, routingKey)
  const found = index === -1 ? undefined : placements[index]
  const placement = found ?? placements[defaultPlacement]
  if (placement === undefined) throw new RangeError('a snapshot without its default placement')
  return {
    placement,
    reason: found?.kind ?? 'default',
    revision,
  }
}
