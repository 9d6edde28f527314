/**
 * The catalogue of every answer the router makes itself (RFC 9457). `type` is `/problems/<code>`;
 * each code has a page in docs/problems/. `proxyError` is the error token of Proxy-Status
 * (RFC 9209 section 2.3), chosen per code so that a log line and a client see the same reason.
 */
type Row = readonly [status: number, proxyError?: string | undefined, title?: string]

const ROWS = {
  missing_routing_key: [400],
  invalid_routing_key: [400],
  invalid_path: [400],
  invalid_request: [400],
  invalid_json: [400, undefined, 'Invalid JSON'],
  admin_credential_on_tenant_path: [
    400,
    'http_request_denied',
    'Admin Credential On A Tenant Path',
  ],
  unauthorized: [401, 'http_request_denied'],
  forbidden: [403, 'http_request_denied'],
  not_found: [404],
  nothing_published: [404],
  placement_not_found: [404],
  revision_not_found: [404],
  method_not_allowed: [405],
  last_available_placement: [409],
  revision_pruned: [410],
  stale_revision: [412],
  body_too_large: [413, undefined, 'Request Entity Too Large'],
  invalid_override: [422],
  invalid_config: [422, undefined, 'Invalid Configuration'],
  idempotency_key_reused: [422],
  if_match_required: [428, undefined, 'If-Match Required'],
  concurrency_limit: [429, 'connection_limit_reached', 'Too Many Requests'],
  too_many_failures: [429, 'http_request_denied', 'Too Many Failed Logins'],
  internal_error: [500, 'proxy_internal_error', 'Internal Server Error'],
  upstream_unreachable: [502, 'destination_unavailable', 'Bad Gateway'],
  upstream_invalid: [502, 'http_protocol_error', 'Bad Gateway'],
  all_endpoints_failed: [503, 'destination_unavailable'],
  circuit_open: [503, 'destination_unavailable', 'Circuit Breaker Open'],
  admin_disabled: [503, 'proxy_configuration_error', 'Admin API Disabled'],
  coordinator_unavailable: [503, 'proxy_internal_error'],
  no_configuration: [503, 'proxy_configuration_error'],
  no_endpoint: [503, 'destination_not_found'],
  upstream_timeout: [504, 'http_response_timeout', 'Gateway Timeout'],
  loop_detected: [508, 'proxy_loop_detected'],
} as const satisfies Record<string, Row>

export type ProblemCode = keyof typeof ROWS

interface ProblemKind {
  readonly status: number
  readonly title: string
  readonly proxyError: string
}

/** Without a title of its own a code has its words as title. */
export const PROBLEMS = Object.fromEntries(
  Object.entries<Row>(ROWS).map(([code, [status, proxyError = 'http_request_error', title]]) => [
    code,
    { status, proxyError, title: title ?? printTitle(code) },
  ]),
) as Readonly<Record<ProblemCode, ProblemKind>>

function printTitle(code: string): string {
  return code.replace(/(?:^|_)./g, (start) => start.replace('_', ' ').toUpperCase())
}

/** An expected refusal as data. `extra` becomes members of the problem document, never endpoint addresses. */
export interface Problem {
  readonly code: ProblemCode
  readonly detail?: string
  /** Whole seconds for `Retry-After` (RFC 9110 section 10.2.3). */
  readonly retryAfterSeconds?: number
  /** The methods for `Allow` (RFC 9110 section 10.2.1). */
  readonly allow?: string
  /** For `X-Circuit-State`. */
  readonly circuitState?: string
  readonly extra?: Readonly<Record<string, unknown>>
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
