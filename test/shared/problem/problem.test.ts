import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { PROBLEMS, type ProblemCode, printProblem } from '../../../shared/problem/problem.ts'

const codes = Object.keys(PROBLEMS) as ProblemCode[]

/** RFC 9209 section 2.3: the error types that exist. */
const ERROR_TYPES = new Set([
  'destination_not_found',
  'destination_unavailable',
  'connection_limit_reached',
  'http_request_error',
  'http_request_denied',
  'http_protocol_error',
  'http_response_timeout',
  'proxy_internal_error',
  'proxy_configuration_error',
  'proxy_loop_detected',
])

describe('the problem catalogue', () => {
  it.each(codes)('H14 %s has a page, an error status and an error type of RFC 9209', (code) => {
    expect(
      existsSync(fileURLToPath(new URL(`../../../docs/problems/${code}.md`, import.meta.url).href)),
    ).toBe(true)
    expect(PROBLEMS[code].status).toBeGreaterThanOrEqual(400)
    expect(ERROR_TYPES.has(PROBLEMS[code].proxyError)).toBe(true)
  })

  it.each<[ProblemCode, string]>([
    ['missing_routing_key', 'Missing Routing Key'],
    ['body_too_large', 'Request Entity Too Large'],
    ['concurrency_limit', 'Too Many Requests'],
    ['upstream_invalid', 'Bad Gateway'],
    ['upstream_timeout', 'Gateway Timeout'],
    ['invalid_json', 'Invalid JSON'],
  ])('H14 %s has the title %s', (code, title) => {
    expect(PROBLEMS[code].title).toBe(title)
  })

  it('H14 prints the members of RFC 9457, the code and what the refusal adds', () => {
    const text = printProblem(
      { code: 'stale_revision', detail: 'moved on', extra: { current: { revision: 3 } } },
      'abc',
    )
    expect(JSON.parse(text)).toEqual({
      type: '/problems/stale_revision',
      title: 'Stale Revision',
      status: 412,
      detail: 'moved on',
      instance: 'abc',
      code: 'stale_revision',
      current: { revision: 3 },
    })
    expect(JSON.parse(printProblem({ code: 'no_endpoint' }, 'x'))).toMatchObject({
      detail: 'No Endpoint',
    })
  })
})
