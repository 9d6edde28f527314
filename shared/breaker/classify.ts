/**
 * What an attempt says about the placement. Hard: nothing answered, whatever was asked. Soft: it
 * answered that it failed. Neutral: it says nothing, because the client, a limit or this router
 * ended it.
 */
export type Outcome = 'succeeded' | 'soft' | 'hard' | 'neutral'

/** Why there was no answer to pass on. */
export type AttemptFailure =
  | 'unreachable'
  | 'headers_timeout'
  | 'body_timeout'
  | 'client_left'
  | 'body_too_large'
  | 'own_deadline'

/** 408, 429 and 499 tell of load and of clients; HAProxy's "observe layer7" has 501 and 505 as life. */
const NEUTRAL_STATUSES: readonly number[] = [408, 429, 499]
const LIVING_STATUSES: readonly number[] = [501, 505]

/** `status`: of the cell's answer, 100 to 999. */
export function classifyStatus(status: number): Outcome {
  if (status < 500) return NEUTRAL_STATUSES.includes(status) ? 'neutral' : 'succeeded'
  if (LIVING_STATUSES.includes(status)) return 'succeeded'
  return isEdgeFailure(status) ? 'hard' : 'soft'
}

/** What Cloudflare answers for an origin that it cannot reach: 520 to 526, and 530. */
function isEdgeFailure(status: number): boolean {
  return (status >= 520 && status <= 526) || status === 530
}

export function classifyFailure(failure: AttemptFailure): Outcome {
  switch (failure) {
    case 'unreachable':
    case 'headers_timeout':
      return 'hard'
    case 'body_timeout':
      return 'soft'
    default:
      return 'neutral'
  }
}
