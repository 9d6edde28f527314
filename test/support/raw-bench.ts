import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect } from 'vitest'
import { publishAndWait } from './api.ts'
import { exchange, printRequest, waitFor } from './raw.ts'
import { onlyValueOf, type RawMessage, statusOf, targetOf, textOf } from './raw-messages.ts'
import { RawUpstream } from './raw-upstream.ts'
import { startTarget, type Target, type TargetOptions } from './targets.ts'

/** What the raw tests share: a router on plain workerd, and one recording cell behind all its placements. */
export interface RawBench {
  readonly target: Target
  readonly port: number
  readonly upstream: RawUpstream
  /** Exact bytes on a connection of their own; the final answer. */
  ask(bytes: string | Buffer): Promise<RawMessage>
  /** A GET with a routing key; `lines` are whole header lines. */
  get(path: string, lines?: readonly string[], key?: string): Promise<RawMessage>
  /** The access log's line of that request, as soon as it is there. */
  logLine(requestId: string): Promise<Record<string, unknown>>
  /** The access log's lines of that request so far. */
  logLines(requestId: string): Record<string, unknown>[]
}

export const HOST = 'Host: client.test'
export const KEY = 'X-Routing-Key: cell'
/** The least that a well-formed request to a tenant needs. */
export const PLAIN = [HOST, KEY] as const

export interface RawBenchOptions extends TargetOptions {
  /** Added to the document, or in place of its parts. */
  readonly document?: (upstream: RawUpstream, target: Target) => Record<string, unknown>
  /** Added to the placements. */
  readonly placements?: (upstream: RawUpstream, target: Target) => Record<string, object>
}

/** The raw cell fails on purpose, over and over: that must not open their breakers. */
const NO_BREAKER = { circuitBreaker: { consecutiveFailures: null, window: null } }

/** Three placements lead to the same cell: plain, with a body limit, with a concurrency limit. */
function printDocument(upstream: RawUpstream, target: Target, options: RawBenchOptions) {
  const endpoints = [upstream.url]
  const all: Record<string, object> = {
    cell: { endpoints },
    counted: { endpoints, maxRequestBodyBytes: 1_000_000 },
    slotted: { endpoints, concurrencyLimit: 1_000 },
    ...options.placements?.(upstream, target),
  }
  const placements = Object.fromEntries(
    Object.entries(all).map(([name, placement]) => [name, { ...NO_BREAKER, ...placement }]),
  )
  return {
    schema: 1,
    routingTable: Object.fromEntries(Object.keys(placements).map((name) => [name, name])),
    defaultPlacement: 'cell',
    placements,
    ...options.document?.(upstream, target),
  }
}

export function useRawBench(options: RawBenchOptions = {}): RawBench {
  let target: Target | undefined
  let upstream: RawUpstream | undefined
  const bench: RawBench = {
    get target() {
      if (target === undefined) throw new Error('the target has not started')
      return target
    },
    get upstream() {
      if (upstream === undefined) throw new Error('the upstream has not started')
      return upstream
    },
    get port() {
      return bench.target.port
    },
    ask: (bytes) => exchange(bench.port, bytes),
    get: (path, lines = [], key = 'cell') =>
      bench.ask(printRequest(path, [HOST, `X-Routing-Key: ${key}`, ...lines])),
    logLines: (requestId) => findLogLines(bench.target.output(), requestId),
    async logLine(requestId) {
      await waitFor(`the log line of ${requestId}`, () => bench.logLines(requestId).length > 0)
      return bench.logLines(requestId)[0] ?? {}
    },
  }
  beforeAll(async () => {
    upstream = await RawUpstream.start()
    target = await startTarget('serve', options)
    await publishAndWait(target, printDocument(upstream, target, options))
  })
  beforeEach(() => upstream?.disconnect())
  afterAll(async () => {
    await target?.stop()
    await upstream?.stop()
  })
  return bench
}

export const makeRequestId = (): string => randomBytes(16).toString('hex')

function findLogLines(output: string, requestId: string): Record<string, unknown>[] {
  return output
    .split('\n')
    .filter((line) => line.includes('"event":"request"') && line.includes(requestId))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

/**
 * Nothing of what was sent before reached the cell: a request sent afterwards is the only one that
 * did. So nothing depends on how long a stray byte would have taken.
 */
export async function expectNothingUpstream(bench: RawBench): Promise<void> {
  const seen = await listUpstream(bench)
  expect(seen.map((message) => message.startLine)).toEqual([])
}

/** What reached the cell before a last request that is sent now. */
export async function listUpstream(bench: RawBench): Promise<RawMessage[]> {
  const fence = `/fence-${makeRequestId()}`
  expect(statusOf(await bench.get(fence))).toBe(200)
  return bench.upstream.messages.filter((message) => targetOf(message) !== fence)
}

/** Error types of RFC 9209 section 2.3 that this router may give. */
const ERROR_TOKEN =
  /^cellway; ?error=(dns_timeout|dns_error|destination_not_found|destination_unavailable|destination_ip_prohibited|destination_ip_unroutable|connection_refused|connection_terminated|connection_timeout|connection_read_timeout|connection_write_timeout|connection_limit_reached|tls_protocol_error|tls_certificate_error|tls_alert_received|http_request_error|http_request_denied|http_response_incomplete|http_response_header_section_size|http_response_header_size|http_response_body_size|http_response_trailer_section_size|http_response_trailer_size|http_response_transfer_coding|http_response_content_coding|http_response_timeout|http_upgrade_failed|http_protocol_error|proxy_internal_response|proxy_internal_error|proxy_configuration_error|proxy_loop_detected)(;|$)/

const INTERNALS =
  /127\.0\.0\.1|nope\.invalid|\.[jt]s:\d|\bat \w+ \(|reference =|Network connection|TypeError|RangeError|workerd|kj\//i

/** An answer that the router made itself: RFC 9457 body, RFC 9209 header, and no internals. */
export function expectRefusal(answer: RawMessage, status: number, code: string): void {
  expect({ status: statusOf(answer), body: textOf(answer) }).toMatchObject({ status })
  expect(onlyValueOf(answer, 'content-type')).toMatch(/^application\/problem\+json/)
  expect(onlyValueOf(answer, 'cache-control')).toBe('no-store')
  expect(onlyValueOf(answer, 'proxy-status')).toMatch(ERROR_TOKEN)
  const problem = JSON.parse(textOf(answer)) as Record<string, unknown>
  expect(problem).toMatchObject({ type: `/problems/${code}`, status, code })
  expect(problem['title']).toMatch(/./)
  expect(problem['detail']).toMatch(/./)
  expect(problem['instance']).toBe(onlyValueOf(answer, 'x-request-id'))
  expect(answer.bytes.toString('latin1')).not.toMatch(INTERNALS)
}

/** An answer of the platform's own HTTP parser, before any of our code ran. */
export function expectParserRefusal(answer: RawMessage, status: number, text: string): void {
  expect({ status: statusOf(answer), body: textOf(answer) }).toEqual({ status, body: text })
  expect(onlyValueOf(answer, 'x-request-id')).toBeUndefined()
}
