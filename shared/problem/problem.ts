/**
 * The catalogue of every answer the router makes itself (RFC 9457). `type` is `/problems/<code>`;
 * each code has a page in docs/problems/. `proxyError` is the error token of Proxy-Status
 * (RFC 9209 section 2.3), chosen per code so that a log line and a client see the same reason.
 */
export const PROBLEMS = {
  missing_routing_key: problem(400, 'Missing Routing Key', 'http_request_error'),
  invalid_routing_key: problem(400, 'Invalid Routing Key', 'http_request_error'),
  invalid_path: problem(400, 'Invalid Path', 'http_request_error'),
  invalid_request: problem(400, 'Invalid Request', 'http_request_error'),
  invalid_json: problem(400, 'Invalid JSON', 'http_request_error'),
  admin_credential_on_tenant_path: problem(
    400,
    'Admin Credential On A Tenant Path',
    'http_request_denied',
  ),
  unauthorized: problem(401, 'Unauthorized', 'http_request_denied'),
  forbidden: problem(403, 'Forbidden', 'http_request_denied'),
  not_found: problem(404, 'Not Found', 'http_request_error'),
  nothing_published: problem(404, 'Nothing Published', 'http_request_error'),
  revision_not_found: problem(404, 'Revision Not Found', 'http_request_error'),
  method_not_allowed: problem(405, 'Method Not Allowed', 'http_request_error'),
  revision_pruned: problem(410, 'Revision Pruned', 'http_request_error'),
  stale_revision: problem(412, 'Stale Revision', 'http_request_error'),
  body_too_large: problem(413, 'Request Entity Too Large', 'http_request_error'),
  invalid_config: problem(422, 'Invalid Configuration', 'http_request_error'),
  idempotency_key_reused: problem(422, 'Idempotency Key Reused', 'http_request_error'),
  if_match_required: problem(428, 'If-Match Required', 'http_request_error'),
  concurrency_limit: problem(429, 'Too Many Requests', 'connection_limit_reached'),
  too_many_failures: problem(429, 'Too Many Failed Logins', 'http_request_denied'),
  internal_error: problem(500, 'Internal Server Error', 'proxy_internal_error'),
  upstream_unreachable: problem(502, 'Bad Gateway', 'destination_unavailable'),
  upstream_invalid: problem(502, 'Bad Gateway', 'http_protocol_error'),
  admin_disabled: problem(503, 'Admin API Disabled', 'proxy_configuration_error'),
  coordinator_unavailable: problem(503, 'Coordinator Unavailable', 'proxy_internal_error'),
  no_configuration: problem(503, 'No Configuration', 'proxy_configuration_error'),
  no_endpoint: problem(503, 'No Endpoint', 'destination_not_found'),
  upstream_timeout: problem(504, 'Gateway Timeout', 'http_response_timeout'),
  loop_detected: problem(508, 'Loop Detected', 'proxy_loop_detected'),
} as const satisfies Record<string, ProblemKind>

export type ProblemCode = keyof typeof PROBLEMS

interface ProblemKind {
  readonly status: number
  readonly title: string
  readonly proxyError: string
}

/** An expected refusal as data. `extra` becomes members of the problem document, never endpoint addresses. */
export interface Problem {
  readonly code: ProblemCode
  readonly detail?: string
  /** Whole seconds for `Retry-After` (RFC 9110 section 10.2.3). */
  readonly retryAfterSeconds?: number
  /** The methods for `Allow` (RFC 9110 section 10.2.1). */
  readonly allow?: string
  readonly extra?: Readonly<Record<string, unknown>>
}

function problem(status: number, title: string, proxyError: string): ProblemKind {
  return { status, title, proxyError }
}

/** The problem document; `requestId` becomes `instance`. */
export function printProblem(refused: Problem, requestId: string): string {
  const { status, title } = PROBLEMS[refused.code]
  return JSON.stringify({
    type: `/problems/${refused.code}`,
    title,
    status,
    detail: refused.detail ?? title,
    instance: requestId,
    code: refused.code,
    ...refused.extra,
  })
}
