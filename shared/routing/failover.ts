import type { Placement, Snapshot } from '../config/snapshot.ts'

/** Why another placement answers than the decision names. */
export type FailoverReason = 'circuit_open' | 'upstream_unhealthy' | 'upstream_error' | 'draining'

/**
 * The placements that may answer, in order: the decided one, its fallbacks, and the default
 * placement where that is what remains. Fallbacks of fallbacks are not followed.
 */
export function listCandidates(snapshot: Snapshot, decided: Placement): readonly Placement[] {
  const { placements, defaultPlacement } = snapshot
  const { fallback, whenOpen } = decided
  if (fallback.length === 0 && whenOpen === 'reject') return [decided]
  const indexes = whenOpen === 'default' ? [...fallback, defaultPlacement] : fallback
  const candidates = new Set([decided])
  for (const index of indexes) {
    const placement = placements[index]
    if (placement !== undefined) candidates.add(placement)
  }
  return [...candidates]
}
