import { describe, expect, test } from 'vitest'
import { openRaw } from '../support/raw.ts'
import {
  expectNothingUpstream,
  expectParserRefusal,
  expectRefusal,
  HOST,
  KEY,
  listUpstream,
  useRawBench,
} from '../support/raw-bench.ts'
import { namesOf, onlyValueOf, statusOf, targetOf, textOf } from '../support/raw-messages.ts'

const bench = useRawBench()

const post = (lines: readonly string[], body: string): string =>
  [`POST /upload HTTP/1.1`, HOST, KEY, ...lines, '', body].join('\r\n')

const CHUNKED = 'Transfer-Encoding: chunked'
const HELLO = '5\r\nhello\r\n0\r\n\r\n'

describe('S01 a request with both Content-Length and Transfer-Encoding', () => {
  test('S01 is framed anew by its chunks, and what follows is not taken for a request', async () => {
    const connection = await openRaw(bench.port)
    await connection.send(
      post(
        ['Content-Length: 4', CHUNKED],
        `${HELLO}GET /smug HTTP/1.1\r\n${HOST}\r\n${KEY}\r\n\r\n`,
      ),
    )
    expect(await connection.closed()).toBe('fin')
    expect(connection.messages.map(statusOf)).toEqual([200])
    const seen = await listUpstream(bench)
    expect(seen.map((message) => [message.startLine, message.state])).toEqual([
      ['POST /upload HTTP/1.1', 'complete'],
    ])
    expect(textOf(seen[0])).toBe('hello')
    expect(namesOf(seen[0])).not.toContain('content-length')
  })

  test('S01 in the other order is framed by its chunks too', async () => {
    const connection = await openRaw(bench.port)
    await connection.send(
      post([CHUNKED, 'Content-Length: 6'], `0\r\n\r\nGET /smug HTTP/1.1\r\n${HOST}\r\n\r\n`),
    )
    expect(await connection.closed()).toBe('fin')
    expect(connection.messages.map(statusOf)).toEqual([200])
    const seen = await listUpstream(bench)
    expect(seen.map((message) => [targetOf(message), textOf(message), message.state])).toEqual([
      ['/upload', '', 'complete'],
    ])
  })
})

describe('S02 a Content-Length that is not one number', () => {
  const cases = {
    'two different ones': ['Content-Length: 3', 'Content-Length: 5'],
    'a list': ['Content-Length: 3, 3'],
    'a sign': ['Content-Length: +3'],
    hexadecimal: ['Content-Length: 0x3'],
    negative: ['Content-Length: -1'],
    'more than 64 bits': ['Content-Length: 99999999999999999999'],
    empty: ['Content-Length: '],
  }
  test.each(Object.entries(cases))('S02 %s: 400, nothing upstream', async (_, lines) => {
    expectParserRefusal(await bench.ask(post(lines, 'hello')), 400, 'invalid content-length parsed')
    await expectNothingUpstream(bench)
  })

  test('S02 the same number twice reaches the cell as one', async () => {
    const answer = await bench.ask(post(['Content-Length: 5', 'Content-Length: 5'], 'hello'))
    expect(statusOf(answer)).toBe(200)
    const [request] = bench.upstream.messages
    expect(onlyValueOf(request, 'content-length')).toBe('5')
    expect(textOf(request)).toBe('hello')
  })
})

describe('S03 a Transfer-Encoding other than chunked', () => {
  const byParser = {
    'an unknown coding': ['Transfer-Encoding: xchunked'],
    'chunked that is not the last': ['Transfer-Encoding: chunked, identity'],
    'a vertical tab before it': ['Transfer-Encoding: \x0bchunked'],
  }
  test.each(Object.entries(byParser))('S03 %s: 400, nothing upstream', async (_, lines) => {
    const answer = await bench.ask(post(lines, HELLO))
    expectParserRefusal(answer, 400, 'invalid transfer-encoding parsed')
    await expectNothingUpstream(bench)
  })

  test('S03 a blank before its colon: 400, nothing upstream', async () => {
    const answer = await bench.ask(post(['Transfer-Encoding : chunked'], HELLO))
    expectParserRefusal(answer, 400, 'invalid HTTP header parsed')
    await expectNothingUpstream(bench)
  })

  const byRouter = {
    'two lines': [CHUNKED, CHUNKED],
    'chunked twice in a line': ['Transfer-Encoding: chunked, chunked'],
    'gzip under chunked, which would be lost on the way': ['Transfer-Encoding: gzip, chunked'],
  }
  test.each(Object.entries(byRouter))('S03 %s: 400, nothing upstream', async (_, lines) => {
    expectRefusal(await bench.ask(post(lines, HELLO)), 400, 'invalid_request')
    await expectNothingUpstream(bench)
  })

  test('S03 chunked in capitals is chunked', async () => {
    expect(statusOf(await bench.ask(post(['Transfer-Encoding: CHUNKED'], HELLO)))).toBe(200)
    const [request] = bench.upstream.messages
    expect([request?.framing, textOf(request)]).toEqual(['chunked', 'hello'])
  })
})

describe('S05 a chunk that is not one', () => {
  const cases = {
    'a size with 0x': '0x3\r\nhel\r\n0\r\n\r\n',
    'a size with an underscore': '0_3\r\nhel\r\n0\r\n\r\n',
    'a size of more than 64 bits': '10000000000000003\r\nhel\r\n0\r\n\r\n',
    'a bare line feed in an extension': '3;a=\nb\r\nhel\r\n0\r\n\r\n',
    'bare line feeds': '3\nhel\n0\n\n',
    'no CRLF after its bytes': '3\r\nhelXX0\r\n\r\n',
  }
  describe.each(['cell', 'counted', 'slotted'])('to the placement %s', (key) => {
    test.each(Object.entries(cases))('S05 %s: no complete message upstream', async (_, body) => {
      const request = post([CHUNKED], body).replace(KEY, `X-Routing-Key: ${key}`)
      expectRefusal(await bench.ask(request), 400, 'invalid_request')
      const seen = await listUpstream(bench)
      expect(seen.filter((message) => message.state !== 'incomplete')).toEqual([])
      expect(seen.map(textOf).join('')).not.toContain('hel')
    })
  })

  test('S05 extensions and trailer fields end here, and the body is kept', async () => {
    const answer = await bench.ask(
      post([CHUNKED], '3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nX-T: 1\r\n\r\n'),
    )
    expect(statusOf(answer)).toBe(200)
    const [request] = bench.upstream.messages
    expect([textOf(request), request?.state]).toEqual(['hello', 'complete'])
    expect(request?.bytes.toString()).not.toContain('X-T')
  })
})

describe('S06 control bytes in a header value', () => {
  test.each([
    ['NUL', 'a\0b'],
    ['a bare CR', 'a\rb'],
  ])('S06 %s: 400, nothing upstream', async (_, value) => {
    const answer = await bench.get('/a', [`X-A: ${value}`])
    expectParserRefusal(answer, 400, 'invalid HTTP header parsed')
    await expectNothingUpstream(bench)
  })
})

describe('S07 old and sloppy forms', () => {
  test('S07 bare line feeds reach the cell as one request with CRLF', async () => {
    const answer = await bench.ask(`GET /a HTTP/1.1\n${HOST}\n${KEY}\nX-A: b\n\n`)
    expect(statusOf(answer)).toBe(200)
    expect(bench.upstream.messages.map((message) => message.state)).toEqual(['complete'])
    const [request] = bench.upstream.messages
    expect(request?.startLine).toBe('GET /a HTTP/1.1')
    expect(request?.bytes.toString('latin1').replaceAll('\r\n', '')).not.toMatch(/[\r\n]/)
    expect(onlyValueOf(request, 'x-a')).toBe('b')
  })

  test('S07 a version that does not exist: 400, nothing upstream', async () => {
    const answer = await bench.ask(`GET /a HTTP/3.9\r\n${HOST}\r\n${KEY}\r\n\r\n`)
    expectParserRefusal(answer, 400, 'invalid HTTP version parsed')
    await expectNothingUpstream(bench)
  })

  test('S07 HTTP/1.0 reaches the cell as HTTP/1.1', async () => {
    const answer = await bench.ask(`GET /a HTTP/1.0\r\n${HOST}\r\n${KEY}\r\n\r\n`)
    expect(answer.startLine).toBe('HTTP/1.0 200 OK')
    expect(bench.upstream.messages[0]?.startLine).toBe('GET /a HTTP/1.1')
  })

  test('S07 HTTP/0.9: 400, nothing upstream', async () => {
    expectParserRefusal(await bench.ask('GET /a\r\n\r\n'), 400, 'invalid URI')
    await expectNothingUpstream(bench)
  })

  test.each([
    ['a folded value', 'X-A: a\r\n b'],
    ['a blank before the colon', 'X-A : a'],
    ['a name with a blank', 'X A: a'],
    ['a line without a colon', 'X-A'],
  ])('S07 %s: 400, nothing upstream', async (_, line) => {
    expectParserRefusal(await bench.get('/a', [line]), 400, 'invalid HTTP header parsed')
    await expectNothingUpstream(bench)
  })
})
