import type { Placement, Snapshot } from '../config/snapshot.ts'

/** Why another placement answers than the decision names. */
export type FailoverReason = 'circuit_open' | 'upstream_unhealthy' | 'upstream_error' | 'draining'

/**
 * The placements that may answer, in order: the decided one, its fallbacks, and the default
 * placement where that is what remains. Fallbacks of fallbacks are not followed. `isDown`: the
 * decided one is unhealthy or draining, and then the default placement is what remains.
 */
export function listCandidates(
  snapshot: Snapshot,
  decided: Placement,
  isDown: boolean,
): readonly Placement[] {
  const { placements, defaultPlacement } = snapshot
  const { fallback, whenOpen } = decided
  const hasDefault = isDown || whenOpen === 'default'
  if (fallback.length === 0 && !hasDefault) return [decided]
  const indexes = hasDefault ? [...fallback, defaultPlacement] : fallback
  const candidates = new Set([decided])
  for (const index of indexes) {
    const placement = placements[index]
    if (placement !== undefined) candidates.add(placement)
  }
  return [...candidates]
}
