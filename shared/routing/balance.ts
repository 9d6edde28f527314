import type { Placement } from '../config/snapshot.ts'

/**
 * Round robin over the endpoints with a weight. `turn` is a counter that rises by one per pick.
 * Answers an endpoint's index, or -1 when nothing is selectable.
 */
export function pickEndpoint(placement: Placement, turn: number): number {
  let selectable = 0
  for (const { weight } of placement.endpoints) if (weight > 0) selectable++
  let skip = turn % selectable
  return placement.endpoints.findIndex(({ weight }) => weight > 0 && skip-- === 0)
}
