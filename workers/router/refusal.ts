import type { AttemptFailure } from '../../shared/breaker/classify.ts'
import type { Problem } from '../../shared/problem/problem.ts'
import type { Result } from '../../shared/result.ts'

/** An expected refusal on its way to the client. Thrown here only; the core returns Results. */
export class Refusal extends Error {
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.code)
    this.problem = problem
  }
}

/** An attempt at an endpoint that brought no answer. */
export class FailedAttempt extends Refusal {
  readonly failure: AttemptFailure

  constructor(problem: Problem, failure: AttemptFailure) {
    super(problem)
    this.failure = failure
  }
}

export function must<T>(result: Result<T, Problem>): T {
  if (result.ok) return result.value
  throw new Refusal(result.error)
}
