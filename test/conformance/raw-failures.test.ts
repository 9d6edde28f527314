import { describe, expect, test } from 'vitest'
import { findFreePort } from '../../scripts/local.ts'
import { printRequest } from '../support/raw.ts'
import {
  expectNothingUpstream,
  expectRefusal,
  HOST,
  KEY,
  makeRequestId,
  useRawBench,
} from '../support/raw-bench.ts'
import { onlyValueOf, statusOf, textOf } from '../support/raw-messages.ts'
import {
  answerWith,
  type Behaviour,
  closeSilently,
  neverAnswer,
  resetConnection,
} from '../support/raw-upstream.ts'

const closedPort = await findFreePort()

const bench = useRawBench({
  placements: (upstream, target) => ({
    refused: { endpoints: [`http://127.0.0.1:${closedPort}`] },
    tls: { endpoints: [`https://127.0.0.1:${upstream.port}`] },
    dns: { endpoints: ['http://nope.invalid'] },
    slow: { endpoints: [upstream.url], timeouts: { headers: '300ms' } },
    tiny: { endpoints: [upstream.url], maxRequestBodyBytes: 4 },
    narrow: { endpoints: [upstream.url], concurrencyLimit: 1 },
    unweighted: { endpoints: [{ url: upstream.url, weight: 0 }], balance: 'weighted' },
    self: { endpoints: [target.origin] },
  }),
})

describe('H14 what the router says when the cell fails', () => {
  const wire: [string, Behaviour, number, string][] = [
    ['closes without a word (F08)', closeSilently, 502, 'upstream_unreachable'],
    ['resets the connection (F08)', resetConnection, 502, 'upstream_unreachable'],
    ['answers garbage', answerWith('garbage\r\n\r\n'), 502, 'upstream_unreachable'],
    [
      'answers with status 999',
      answerWith('HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n'),
      502,
      'upstream_invalid',
    ],
    [
      'answers with status 000',
      answerWith('HTTP/1.1 000 What\r\nContent-Length: 0\r\n\r\n'),
      502,
      'upstream_unreachable',
    ],
    [
      'answers with status 600',
      answerWith('HTTP/1.1 600 What\r\nContent-Length: 0\r\n\r\n'),
      502,
      'upstream_invalid',
    ],
    [
      'switches protocols unasked',
      answerWith(
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
      ),
      502,
      'upstream_invalid',
    ],
    [
      'gives two lengths (F15)',
      answerWith('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!'),
      502,
      'upstream_unreachable',
    ],
    [
      'gives a length that is none',
      answerWith('HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nok'),
      502,
      'upstream_unreachable',
    ],
    [
      'gives an unknown coding',
      answerWith('HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\nok'),
      502,
      'upstream_invalid',
    ],
    [
      'sends NUL in a header (F15)',
      answerWith('HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 2\r\n\r\nok'),
      502,
      'upstream_unreachable',
    ],
    [
      'sends 2 MB of headers (F15)',
      answerWith(`HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(2_000_000)}\r\nContent-Length: 2\r\n\r\nok`),
      502,
      'upstream_unreachable',
    ],
  ]
  test.each(wire)('H14 the cell %s', async (_, behaviour, status, code) => {
    bench.upstream.behave(behaviour)
    expectRefusal(await bench.get('/x'), status, code)
    expect(bench.upstream.messages).toHaveLength(1)
  })

  test.each([
    ['refuses connections (F08)', 'refused', 502, 'upstream_unreachable'],
    ['does not speak TLS', 'tls', 502, 'upstream_unreachable'],
    ['has a name that does not exist', 'dns', 502, 'upstream_unreachable'],
    ['has no weight at all (D93)', 'unweighted', 503, 'no_endpoint'],
  ])('H14 the cell %s', async (_, key, status, code) => {
    bench.upstream.behave(closeSilently)
    expectRefusal(await bench.get('/x', [], key), status, code)
  })

  test('H14 F09 the cell does not answer in time', async () => {
    bench.upstream.behave(neverAnswer)
    expectRefusal(await bench.get('/x', [], 'slow'), 504, 'upstream_timeout')
  })
})

describe('H14 what the router says when it declines', () => {
  const own: [string, string, number, string][] = [
    ['no routing key', printRequest('/x', [HOST]), 400, 'missing_routing_key'],
    ['an empty key', printRequest('/x', [HOST, 'X-Routing-Key:']), 400, 'invalid_routing_key'],
    ['a bad path', printRequest('/%00', [HOST, KEY]), 400, 'invalid_path'],
    [
      'a method of its own pages',
      printRequest('/health', [HOST], 'DELETE'),
      405,
      'method_not_allowed',
    ],
    ['TRACE', printRequest('/x', [HOST, KEY], 'TRACE'), 405, 'method_not_allowed'],
    ['no token', printRequest('/admin/config', [HOST]), 401, 'unauthorized'],
    [
      'a body that is too large',
      `${printRequest('/x', [HOST, 'X-Routing-Key: tiny', 'Content-Length: 5'], 'POST')}hello`,
      413,
      'body_too_large',
    ],
    [
      'a loop',
      printRequest('/x', [HOST, KEY, 'Via: 1.1 cellway, 1.1 cellway, 1.1 cellway']),
      508,
      'loop_detected',
    ],
  ]
  test.each(own)('H14 %s', async (_, bytes, status, code) => {
    expectRefusal(await bench.ask(bytes), status, code)
    await expectNothingUpstream(bench)
  })

  test('H14 a chunked body that grows too large, of which the cell sees no end', async () => {
    const lines = [HOST, 'X-Routing-Key: tiny', 'Transfer-Encoding: chunked']
    const answer = await bench.ask(`${printRequest('/x', lines, 'POST')}5\r\nhello\r\n0\r\n\r\n`)
    expectRefusal(answer, 413, 'body_too_large')
    expect(bench.upstream.messages.filter(({ state }) => state === 'complete')).toEqual([])
  })

  test('H14 a full placement, with Retry-After', async () => {
    bench.upstream.behave(neverAnswer)
    const waiting = bench.get('/x', [], 'narrow').catch(() => undefined)
    await expect.poll(() => bench.upstream.messages.length).toBe(1)
    const answer = await bench.get('/x', [], 'narrow')
    expectRefusal(answer, 429, 'concurrency_limit')
    expect(onlyValueOf(answer, 'retry-after')).toMatch(/^\d+$/)
    bench.upstream.disconnect()
    await waiting
  })

  test('H14 a refusal of HEAD has the length of its body and no body', async () => {
    const answer = await bench.ask(printRequest('/x', [HOST], 'HEAD'))
    expect(statusOf(answer)).toBe(400)
    expect(textOf(answer)).toBe('')
    expect(onlyValueOf(answer, 'proxy-status')).toMatch(/^cellway; ?error=http_request_error/)
  })
})

describe('H18 loops', () => {
  test.each([
    ['in one line', ['Via: 1.1 cellway, 1.0 other, 1.1 cellway,1.1  cellway']],
    ['in three lines', ['Via: 1.1 cellway', 'Via: 1.1 cellway (x)', 'Via: 2 cellway']],
    ['that Connection names', ['Connection: Via', 'Via: 1.1 cellway, 1.1 cellway, 1.1 cellway']],
  ])('H18 our Via three times %s: 508, nothing upstream', async (_, lines) => {
    expectRefusal(await bench.get('/x', lines), 508, 'loop_detected')
    await expectNothingUpstream(bench)
  })

  test('H18 our Via twice, or the name of another proxy, is no loop', async () => {
    const lines = ['Via: 1.1 cellway, 1.1 cellway, 1.1 cellway-2, 1.1 xcellway, cellway']
    expect(statusOf(await bench.get('/x', lines))).toBe(200)
  })

  test('H18 an endpoint that is the router itself ends after three laps', async () => {
    const id = makeRequestId()
    const answer = await bench.get('/x', [`X-Request-Id: ${id}`], 'self')
    expect([statusOf(answer), JSON.parse(textOf(answer)).code]).toEqual([508, 'loop_detected'])
    await expect.poll(() => bench.logLines(id).length).toBe(4)
    expect(bench.logLines(id).map((line) => line['status_code'])).toEqual([508, 508, 508, 508])
    await expectNothingUpstream(bench)
  })
})
