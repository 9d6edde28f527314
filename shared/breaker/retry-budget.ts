/**
 * How many retries a placement may cause: a token bucket per isolate. Each retry takes a token, each
 * success gives a tenth of one back, so that in an outage the load on a placement and its fallbacks
 * grows by a tenth and no more (gRFC A6, retry throttling; there each failure takes the token).
 */
export interface RetryBudget {
  tokens: number
}

export interface BudgetSettings {
  readonly capacity: number
  readonly perSuccess: number
  /** A retry needs more tokens than that. */
  readonly reserve: number
}

export const RETRIES: BudgetSettings = { capacity: 100, perSuccess: 0.1, reserve: 0.999 }

export const startBudget = ({ capacity }: BudgetSettings): RetryBudget => ({ tokens: capacity })

export const mayRetry = ({ tokens }: RetryBudget, { reserve }: BudgetSettings): boolean =>
  tokens > reserve

export function takeToken(budget: RetryBudget): void {
  budget.tokens = Math.max(0, budget.tokens - 1)
}

export function earnToken(budget: RetryBudget, { capacity, perSuccess }: BudgetSettings): void {
  if (budget.tokens < capacity) budget.tokens = Math.min(capacity, budget.tokens + perSuccess)
}
