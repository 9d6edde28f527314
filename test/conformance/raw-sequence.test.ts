import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { openRaw, printRequest, type RawConnection } from '../support/raw.ts'
import { HOST, KEY, PLAIN, useRawBench } from '../support/raw-bench.ts'
import {
  latin1,
  namesOf,
  onlyValueOf,
  statusOf,
  targetOf,
  textOf,
  valuesOf,
} from '../support/raw-messages.ts'
import { type Behaviour, echoTarget } from '../support/raw-upstream.ts'

const bench = useRawBench()

/** What a confused peer would take for a message of its own. */
const SMUGGLED = `GET /smuggled HTTP/1.1\r\n${HOST}\r\n${KEY}\r\n\r\n`
const POISON = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison'

const openKept = async (...methods: string[]): Promise<RawConnection> => {
  const connection = await openRaw(bench.port)
  connection.expectMethods(...methods)
  return connection
}

describe('S18 a following request on the same connection gets its own answer', () => {
  test('S18 after a GET with a body that looks like a request', async () => {
    bench.upstream.behave(echoTarget)
    const connection = await openKept()
    const lines = [...PLAIN, `Content-Length: ${SMUGGLED.length}`]
    await connection.send(printRequest('/first', lines) + SMUGGLED + printRequest('/second', PLAIN))
    const answers = await connection.answers(2)
    expect(answers.map(textOf)).toEqual(['/first', '/second'])
    expect(bench.upstream.messages.map((message) => [targetOf(message), textOf(message)])).toEqual([
      ['/first', SMUGGLED],
      ['/second', ''],
    ])
    connection.reset()
  })

  test.each(['HEAD', 'DELETE', 'OPTIONS'])('S18 after a %s with a body', async (method) => {
    bench.upstream.behave(echoTarget)
    const connection = await openKept(method)
    await connection.send(printRequest('/first', [...PLAIN, 'Content-Length: 5'], method))
    await connection.send(`hello${printRequest('/second', PLAIN)}`)
    const [first, second] = await connection.answers(2)
    expect([statusOf(first), textOf(second)]).toEqual([200, '/second'])
    expect(bench.upstream.messages.map((message) => [message.startLine, textOf(message)])).toEqual([
      [`${method} /first HTTP/1.1`, 'hello'],
      ['GET /second HTTP/1.1', ''],
    ])
    connection.reset()
  })

  // The platform's fetch sends no chunks with these methods: the cell would get no body at all.
  test.each(['GET', 'HEAD'])('S18 a %s with chunks: 400, nothing upstream', async (method) => {
    const connection = await openKept(method)
    const lines = [...PLAIN, 'Transfer-Encoding: chunked']
    await connection.send(`${printRequest('/first', lines, method)}5\r\nhello\r\n0\r\n\r\n`)
    expect(statusOf(await connection.takeAnswer())).toBe(400)
    await connection.send(printRequest('/second', PLAIN))
    expect(statusOf(await connection.takeAnswer())).toBe(200)
    expect(bench.upstream.messages.map(targetOf)).toEqual(['/second'])
    connection.reset()
  })

  test('S18 after HEAD, whose answer keeps the length of the body that is not there', async () => {
    bench.upstream.behave(echoTarget)
    const connection = await openKept('HEAD')
    await connection.send(printRequest('/first', PLAIN, 'HEAD') + printRequest('/second', PLAIN))
    const [first, second] = await connection.answers(2)
    expect(onlyValueOf(first, 'content-length')).toBe('1000')
    expect(textOf(second)).toBe('/second')
    connection.reset()
  })

  const answers: [string, string, string][] = [
    [
      'HEAD answered with a body',
      'HEAD',
      `HTTP/1.1 200 OK\r\nContent-Length: ${POISON.length}\r\n\r\n${POISON}`,
    ],
    [
      '204 with a body',
      'GET',
      `HTTP/1.1 204 No Content\r\nContent-Length: ${POISON.length}\r\n\r\n${POISON}`,
    ],
    [
      '204 with chunks',
      'GET',
      `HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
    ],
    [
      '304 with a body',
      'GET',
      `HTTP/1.1 304 Not Modified\r\nContent-Length: ${POISON.length}\r\n\r\n${POISON}`,
    ],
    ['205 with a body', 'GET', 'HTTP/1.1 205 Reset Content\r\nContent-Length: 5\r\n\r\nhello'],
    [
      '200 with a second answer behind it',
      'GET',
      `HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst${POISON}`,
    ],
  ]
  test.each(answers)('S18 after %s', async (_, method, bytes) => {
    const misbehaveOnce: Behaviour = (socket, request) => {
      if (targetOf(request) === '/first') socket.write(latin1(bytes))
      else echoTarget(socket, request)
    }
    bench.upstream.behave(misbehaveOnce)
    const connection = await openKept(method)
    await connection.send(printRequest('/first', PLAIN, method))
    const first = await connection.takeAnswer()
    expect(first.startLine.slice(9)).toBe(bytes.slice(9, bytes.indexOf('\r\n')))
    if (method === 'HEAD' || statusOf(first) !== 200) expect(textOf(first)).toBe('')
    for (const path of ['/second', '/third', '/fourth']) {
      await connection.send(printRequest(path, PLAIN))
      const next = await connection.takeAnswer()
      expect([statusOf(next), textOf(next)]).toEqual([200, path])
    }
    connection.reset()
  })

  test('S18 answers to 20 pipelined requests come in their order', async () => {
    bench.upstream.behave(echoTarget)
    const paths = Array.from({ length: 20 }, (_, index) => `/r${index}`)
    const connection = await openKept()
    await connection.send(paths.map((path) => printRequest(path, PLAIN)).join(''))
    expect((await connection.answers(20)).map(textOf)).toEqual(paths)
    connection.reset()
  })
})

describe('S18 refusals do not eat the next request', () => {
  test('S18 the body of a refused request is not taken for a request', async () => {
    bench.upstream.behave(echoTarget)
    const connection = await openKept('POST')
    const lines = [HOST, `Content-Length: ${SMUGGLED.length}`]
    await connection.send(printRequest('/refused', lines, 'POST') + SMUGGLED)
    expect(statusOf(await connection.takeAnswer())).toBe(400)
    await connection.send(printRequest('/second', PLAIN))
    expect(textOf(await connection.takeAnswer())).toBe('/second')
    expect(bench.upstream.messages.map(targetOf)).toEqual(['/second'])
    connection.reset()
  })
})

describe('H17 Expect: 100-continue', () => {
  test('H17 a client that waits is told to go on, and the cell gets the body once, without Expect', async () => {
    const body = randomBytes(1_000_000)
    const connection = await openKept('POST')
    const lines = [...PLAIN, 'Expect: 100-continue', `Content-Length: ${body.length}`]
    await connection.send(printRequest('/upload', lines, 'POST'))
    await connection.until((bytes) => bytes.includes('HTTP/1.1 100 Continue\r\n\r\n'))
    await connection.send(body)
    expect(statusOf(await connection.answer())).toBe(200)
    expect(bench.upstream.messages).toHaveLength(1)
    const [request] = bench.upstream.messages
    expect(request?.state).toBe('complete')
    expect(request?.body.equals(body)).toBe(true)
    expect(namesOf(request)).not.toContain('expect')
    connection.reset()
  })

  test('H17 a client that does not wait gets one final answer', async () => {
    const connection = await openKept('POST')
    const lines = [...PLAIN, 'Expect: 100-continue', 'Content-Length: 5']
    await connection.send(`${printRequest('/upload', lines, 'POST')}hello`)
    expect(statusOf(await connection.answer())).toBe(200)
    expect(bench.upstream.messages.map(textOf)).toEqual(['hello'])
    expect(valuesOf(bench.upstream.messages[0], 'expect')).toEqual([])
    connection.reset()
  })
})
