import { PROBLEMS, type Problem, printProblem } from '../shared/problem/problem.ts'

/**
 * A refusal on the wire: RFC 9457, with the reason once more in Proxy-Status (RFC 9209), because
 * the router answers as an intermediary. `revision` is the one that decided; 0: none or bootstrap.
 */
export function toProblemResponse(problem: Problem, requestId: string, revision: number): Response {
  const { status, proxyError } = PROBLEMS[problem.code]
  const headers = new Headers({
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
    'x-request-id': requestId,
    'x-config-revision': String(revision),
    'proxy-status': `cellway; error=${proxyError}`,
  })
  if (problem.retryAfterSeconds !== undefined)
    headers.set('retry-after', String(problem.retryAfterSeconds))
  if (problem.circuitState !== undefined) headers.set('x-circuit-state', problem.circuitState)
  if (problem.allow !== undefined) headers.set('allow', problem.allow)
  if (status === 401) headers.set('www-authenticate', 'Bearer')
  return new Response(printProblem(problem, requestId), { status, headers })
}
