import { describe, expect, test } from 'vitest'
import { openRaw, printRequest, type RawConnection, waitFor } from '../support/raw.ts'
import {
  expectRefusal,
  HOST,
  listUpstream,
  makeRequestId,
  useRawBench,
} from '../support/raw-bench.ts'
import { statusOf, textOf } from '../support/raw-messages.ts'

/**
 * An upload that the client breaks off must never look complete to the cell: neither over a fresh
 * connection nor over one that was used before, whichever way the router reads the body.
 */
const bench = useRawBench()

const LONG = 'x'.repeat(100_000)

interface Cut {
  readonly name: string
  readonly framing: string
  /** What is sent of the body before the cut. */
  readonly part: string
  readonly end: (connection: RawConnection) => Promise<void> | void
  /** Whether the client can still read an answer. */
  readonly answered: boolean
}

const finish = (connection: RawConnection) => connection.finish()
const reset = (connection: RawConnection) => connection.reset()
const CHUNKED = 'Transfer-Encoding: chunked'
const FIXED = `Content-Length: ${LONG.length + 10}`

const printChunk = (body: string): string => `${body.length.toString(16)}\r\n${body}\r\n`

const PARTS = { 'before the first byte': '', 'after 5 bytes': 'hello', 'after 100 kB': LONG }

const CUTS: Cut[] = Object.entries(PARTS).flatMap(([when, part]) => [
  ...[
    { name: `S16 chunks, FIN ${when}`, end: finish, answered: true },
    { name: `S16 chunks, RST ${when}`, end: reset, answered: false },
    {
      name: `S16 chunks, a bad chunk size ${when}`,
      end: (connection: RawConnection) => connection.send('0x3\r\nabc\r\n0\r\n\r\n'),
      answered: true,
    },
    {
      name: `S16 chunks, FIN inside a chunk ${when}`,
      end: async (connection: RawConnection) => {
        await connection.send('a\r\nabc')
        connection.finish()
      },
      answered: true,
    },
  ].map((cut) => ({ ...cut, framing: CHUNKED, part: part && printChunk(part) })),
  { name: `S17 a length, FIN ${when}`, framing: FIXED, part, end: finish, answered: true },
  { name: `S17 a length, RST ${when}`, framing: FIXED, part, end: reset, answered: false },
])

async function warmUp(key: string): Promise<void> {
  expect(statusOf(await bench.get('/warm', [], key))).toBe(200)
  bench.upstream.forget()
}

const head = (key: string, id: string, framing: string): string =>
  printRequest('/cut', [HOST, `X-Routing-Key: ${key}`, `X-Request-Id: ${id}`, framing], 'POST')

describe.each(['cell', 'counted', 'slotted'])('to the placement %s', (key) => {
  describe.each([
    ['a fresh', false],
    ['a reused', true],
  ])('over %s connection', (_, isReused) => {
    test.each(CUTS)(
      '$name: the cell sees no complete message, the log says client abort',
      async (cut) => {
        if (isReused) await warmUp(key)
        const id = makeRequestId()
        const connection = await openRaw(bench.port)
        await connection.send(head(key, id, cut.framing))
        await waitFor('the head upstream', () => bench.upstream.messages.length === 1)
        await connection.send(cut.part)
        await waitFor(
          'the part upstream',
          () => textOf(bench.upstream.messages[0]).length >= readPart(cut).length,
        )
        await cut.end(connection)
        await waitFor('the end', () => bench.upstream.connections[0]?.ending !== 'open')
        expect(bench.upstream.connections).toHaveLength(1)
        if (cut.answered) expectRefusal(await connection.answer(), 400, 'invalid_request')

        const seen = await listUpstream(bench)
        expect(seen.map((message) => [message.startLine, message.state])).toEqual([
          ['POST /cut HTTP/1.1', 'incomplete'],
        ])
        expect(`${readPart(cut)}abc`).toContain(textOf(seen[0]))
        expect(await bench.logLine(id)).toMatchObject({ status_code: 499, attempts: 1 })
        connection.reset()
      },
    )
  })
})

const readPart = (cut: Cut): string =>
  cut.framing === CHUNKED ? (cut.part.split('\r\n')[1] ?? '') : cut.part
