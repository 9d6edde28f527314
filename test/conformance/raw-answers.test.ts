import { describe, expect, test } from 'vitest'
import { exchange, openRaw, printRequest } from '../support/raw.ts'
import { HOST, KEY, listUpstream, useRawBench } from '../support/raw-bench.ts'
import { namesOf, onlyValueOf, statusOf, textOf, valuesOf } from '../support/raw-messages.ts'
import { answerAndClose, answerWith } from '../support/raw-upstream.ts'

const bench = useRawBench()

const answerLines = (...lines: string[]) =>
  answerWith(['HTTP/1.1 200 OK', 'Content-Length: 2', ...lines, '', 'ok'].join('\r\n'))

/** What the router adds to every answer of a cell. */
const ADDED = [
  'x-circuit-state',
  'x-config-revision',
  'x-request-id',
  'x-route-reason',
  'x-routed-to',
]

describe('H04 hop-by-hop fields of an answer', () => {
  test.each(['cell', 'slotted'])('H04 none reaches the client (placement %s)', async (key) => {
    bench.upstream.behave(
      answerLines(
        'Connection: close, X-Hop, keep-alive',
        'X-Hop: 1',
        'Keep-Alive: timeout=5',
        'Proxy-Connection: close',
        'Proxy-Authenticate: Basic realm="cell"',
        'Proxy-Authentication-Info: x',
        'TE: trailers',
        'Trailer: X-T',
        'Upgrade: h2c',
        'X-Kept: 1',
      ),
    )
    const answer = await bench.get('/x', [], key)
    expect([statusOf(answer), textOf(answer)]).toEqual([200, 'ok'])
    expect(namesOf(answer).sort()).toEqual([...ADDED, 'content-length', 'x-kept'].sort())
  })

  test('H04 what is end-to-end cannot be removed by Connection', async () => {
    bench.upstream.behave(
      answerLines(
        'Connection: Set-Cookie, ETag, Content-Length, X-Routed-To',
        'Set-Cookie: a=1',
        'ETag: "x"',
      ),
    )
    const answer = await bench.get('/x')
    expect(valuesOf(answer, 'set-cookie')).toEqual(['a=1'])
    expect(onlyValueOf(answer, 'etag')).toBe('"x"')
    expect(onlyValueOf(answer, 'x-routed-to')).toBe('cell')
  })
})

describe('H07 answers that claim to be the router', () => {
  test("H07 a cell's copies are overwritten or dropped", async () => {
    bench.upstream.behave(
      answerLines(
        'X-Routed-To: evil',
        'X-Route-Reason: evil',
        'X-Failover-Reason: evil',
        'X-Circuit-State: evil',
        'X-Config-Revision: evil',
        'X-Request-Id: evil',
        'Proxy-Status: evil; error=dns_error',
      ),
    )
    const answer = await bench.get('/x', ['X-Request-Id: mine'])
    expect(answer.bytes.toString()).not.toContain('evil')
    expect(onlyValueOf(answer, 'x-routed-to')).toBe('cell')
    expect(onlyValueOf(answer, 'x-route-reason')).toBe('dedicated')
    expect(onlyValueOf(answer, 'x-request-id')).toBe('mine')
    expect(onlyValueOf(answer, 'x-config-revision')).toBe('2')
  })
})

describe('H11 cookies', () => {
  test('H11 each Set-Cookie keeps its line and its place', async () => {
    const cookies = ['a=1; Path=/', 'b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT', 'a=3']
    bench.upstream.behave(answerLines(...cookies.map((cookie) => `Set-Cookie: ${cookie}`)))
    expect(valuesOf(await bench.get('/x'), 'set-cookie')).toEqual(cookies)
  })
})

describe('framing of answers', () => {
  test.each(['cell', 'slotted'])(
    'S18 a length stays a length, chunks stay chunks (placement %s)',
    async (key) => {
      bench.upstream.behave(answerLines())
      const sized = await bench.get('/x', [], key)
      expect([sized.framing, textOf(sized)]).toEqual(['content-length', 'ok'])
      bench.upstream.behave(
        answerWith('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'),
      )
      const chunked = await bench.get('/x', [], key)
      expect([chunked.framing, textOf(chunked)]).toEqual(['chunked', 'ok'])
    },
  )

  test('S18 an answer that ends with its connection reaches the client in chunks', async () => {
    bench.upstream.behave(answerAndClose('HTTP/1.1 200 OK\r\n\r\nto the end'))
    const answer = await bench.get('/x')
    expect([answer.framing, answer.state, textOf(answer)]).toEqual([
      'chunked',
      'complete',
      'to the end',
    ])
  })

  test.each(['cell', 'slotted'])(
    'S18 a length that is not reached is seen by the client (placement %s)',
    async (key) => {
      bench.upstream.behave(answerAndClose('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc'))
      const connection = await openRaw(bench.port)
      await connection.send(printRequest('/x', [HOST, `X-Routing-Key: ${key}`]))
      await connection.closed()
      const [answer] = connection.messages
      expect([answer?.framing, answer?.state, textOf(answer)]).toEqual([
        'content-length',
        'incomplete',
        'abc',
      ])
    },
  )

  test('H01 an answer before the end of the upload is passed on', async () => {
    const connection = await openRaw(bench.port)
    connection.expectMethods('POST')
    await connection.send(printRequest('/early', [HOST, KEY, 'Content-Length: 5'], 'POST'))
    await connection.send('hello')
    expect(statusOf(await connection.answer())).toBe(200)
    connection.reset()
  })
})

describe('interim answers', () => {
  const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
  test.each([
    ['103 with hints', 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n'],
    ['102', 'HTTP/1.1 102 Processing\r\n\r\n'],
    ['100', 'HTTP/1.1 100 Continue\r\n\r\n'],
  ])('F12 %s before 200: the client gets 200 alone', async (_, interim) => {
    bench.upstream.behave(answerWith(interim + OK))
    const connection = await openRaw(bench.port)
    await connection.send(printRequest('/x', [HOST, KEY]))
    expect([statusOf(await connection.answer()), connection.messages.length]).toEqual([200, 1])
    connection.reset()
    expect((await listUpstream(bench)).length).toBe(1)
  })
})

test('D25 the answer to HTTP/1.0 is not chunked', async () => {
  bench.upstream.behave(
    answerWith('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'),
  )
  const answer = await exchange(bench.port, `GET /x HTTP/1.0\r\n${HOST}\r\n${KEY}\r\n\r\n`)
  expect([answer.startLine, answer.framing, textOf(answer)]).toEqual([
    'HTTP/1.0 200 OK',
    'until-close',
    'ok',
  ])
})
