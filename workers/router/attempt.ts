import type { Placement } from '../../shared/config/snapshot.ts'
import type { Problem } from '../../shared/problem/problem.ts'

/** One try at an endpoint: how it is given up, and why it was. */
export interface Attempt {
  readonly controller: AbortController
  /** Set before our own abort, so that it is never mistaken for the network's doing. */
  givenUp: Problem | 'client_left' | undefined
  /** The answer's body is watched: for a slot that it holds, or for a deadline that it is under. */
  readonly mustSeeEnd: boolean
  /** Settles when it is known how the upload ended; undefined without one. */
  upload: Promise<void> | undefined
  /** Whose errors are whose: ours until it is sent, the upstream's while we wait for its headers. */
  phase: 'building' | 'waiting' | 'ended'
  /** Epoch milliseconds. */
  sentAt: number
  headersTimer: ReturnType<typeof setTimeout> | undefined
  /** The deadline of the whole exchange; ended with the answer's body. */
  totalTimer: ReturnType<typeof setTimeout> | undefined
}

export const startAttempt = ({ concurrencyLimit, timeouts }: Placement): Attempt => ({
  controller: new AbortController(),
  givenUp: undefined,
  mustSeeEnd: concurrencyLimit !== null || timeouts.idleMs !== null || timeouts.totalMs !== null,
  upload: undefined,
  sentAt: 0,
  headersTimer: undefined,
  phase: 'building',
  totalTimer: undefined,
})

export function giveUp(attempt: Attempt, reason: NonNullable<Attempt['givenUp']>): void {
  attempt.givenUp ??= reason
  attempt.controller.abort()
}

/** Clearing a timer costs even where there is none. */
export function endTotal({ totalTimer }: Attempt): void {
  if (totalTimer !== undefined) clearTimeout(totalTimer)
}
