import type { BreakerState } from '../shared/breaker/state.ts'
import type { KeyCounts } from '../shared/breaker/window.ts'
import type { BreakerConfig } from '../shared/rpc/breaker.ts'
import { log } from './log.ts'

const nameState = ({ override: forced, phase }: BreakerState): string => forced?.mode ?? phase

interface Seen {
  readonly calls: number
  readonly failed: number
}

/** What was known, with the report that brought the transition about. */
export function addCounts({ calls, failed }: Seen, reported: readonly KeyCounts[]): Seen {
  const failures = reported.reduce((sum, { soft, hard }) => sum + soft + hard, 0)
  const successes = reported.reduce((sum, { succeeded, slow }) => sum + succeeded + slow, 0)
  return { calls: calls + failures + successes, failed: failed + failures }
}

/** One line per change of what an operator would call its state. */
export function logTransition(
  { placement }: BreakerConfig,
  before: BreakerState,
  state: BreakerState,
  seen?: Seen,
): void {
  const from = nameState(before)
  const to = nameState(state)
  if (from === to && before.generation === state.generation) return
  const { reason, generation, openings } = state
  log('transition', { placement, from, to, reason, generation, openings, ...seen })
}
