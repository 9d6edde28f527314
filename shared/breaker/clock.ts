import type { BreakerState } from './state.ts'

/** The same state as if its clock had always been behind by so much: whatever was left is left. */
export function setBack(state: BreakerState, byMs: number): BreakerState {
  const { round, override } = state
  const move = (at: number): number => at - byMs
  return {
    ...state,
    since: move(state.since),
    steadySince: move(state.steadySince),
    openUntil: state.openUntil === 0 ? 0 : move(state.openUntil),
    round: {
      ...round,
      firstPermitAt: round.firstPermitAt === null ? null : move(round.firstPermitAt),
      permits: round.permits.map((permit) => ({ ...permit, expiresAt: move(permit.expiresAt) })),
    },
    override: override && { ...override, until: move(override.until) },
  }
}
