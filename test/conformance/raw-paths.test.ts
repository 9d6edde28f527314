import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalizePath } from '../../shared/routing/path.ts'
import { callAdmin } from '../support/api.ts'
import { openRaw, printRequest, type RawConnection, waitFor } from '../support/raw.ts'
import { HOST, KEY, makeRequestId, useRawBench } from '../support/raw-bench.ts'
import { latin1, onlyValueOf, statusOf, targetOf } from '../support/raw-messages.ts'

const bench = useRawBench()

const COUNT = 5_000
const SEED = 20_261_120
const CONNECTIONS = 24

/** What attackers are made of; the rest is letters, so that most targets are served. */
const PIECES = [
  '/',
  '//',
  '.',
  '..',
  '/./',
  '/../',
  '%2e',
  '%2E%2e',
  '.%2e',
  '\\',
  '%5c',
  '%2f',
  '%2F',
  '%00',
  ';',
  ';a=1',
  '^',
  '|',
  '"',
  "'",
  '<',
  '`',
  '{',
  '}',
  '[',
  ']',
  '#',
  '#x/../',
  '?',
  '?q=/../',
  '&',
  '%',
  '%zz',
  '%e2%80%ae',
  '%c0%ae',
  '%252e',
  '%61',
  '~',
  '!',
  '$',
  '*',
  '+',
  ',',
  '=',
  ':',
  '@',
  '\xe9',
  '\xff',
  '\x01',
  '\x7f',
  '\t',
  'admin',
  'a',
  'B',
  'z0',
  '-',
  '_',
]
const piece = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom(...PIECES) },
  { weight: 3, arbitrary: fc.constantFrom('a', 'b', '/', 'cell', '.', '-', '~', ';', '%2f') },
)
const targets = fc.array(piece, { maxLength: 9 }).map((parts) => `/${parts.join('')}`)

interface Seen {
  readonly target: string
  readonly id: string
  readonly status: number
  readonly revision: string | undefined
}

/** Asks for every target, a few at a time, on connections that are kept while the router keeps them. */
async function askAll(list: readonly string[]): Promise<Seen[]> {
  const seen: Seen[] = []
  const queue = [...list]
  const work = async () => {
    let connection: RawConnection | undefined
    for (let target = queue.pop(); target !== undefined; target = queue.pop()) {
      connection ??= await openRaw(bench.port)
      const id = makeRequestId()
      const lines = [HOST, KEY, `X-Request-Id: ${id}`]
      await connection.send(latin1(printRequest(target, lines)))
      const answer = await connection.takeAnswer()
      seen.push({
        target,
        id,
        status: statusOf(answer),
        revision: onlyValueOf(answer, 'x-config-revision'),
      })
      if (onlyValueOf(answer, 'connection') === 'close') {
        connection.reset()
        connection = undefined
      }
    }
    connection?.reset()
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, work))
  return seen
}

/** Path by request id, from the access log. */
function readLoggedPaths(): Map<string, string> {
  const paths = new Map<string, string>()
  for (const line of bench.target.output().split('\n')) {
    if (!line.includes('"event":"request"')) continue
    const entry = JSON.parse(line) as { request_id: string; path: string }
    paths.set(entry.request_id, entry.path)
  }
  return paths
}

const cutQuery = (target: string): string => target.split('?', 1)[0] ?? ''

describe(`S14 ${COUNT} generated targets, seed ${SEED}`, { timeout: 90_000 }, () => {
  test('S14 the path that is matched, logged and sent is one, and refused ones reach nothing', async () => {
    const list = fc.sample(targets, { seed: SEED, numRuns: COUNT })
    const seen = await askAll(list)
    expect(seen).toHaveLength(COUNT)
    const served = seen.filter(({ status }) => status === 200)
    const refused = seen.filter(({ status }) => status === 400)
    expect(served.length + refused.length).toBe(COUNT)
    expect(Math.min(served.length, refused.length)).toBeGreaterThan(COUNT / 10)

    const sent = new Map(
      bench.upstream.messages.map((message) => [onlyValueOf(message, 'x-request-id'), message]),
    )
    expect([...sent.keys()].sort()).toEqual(served.map(({ id }) => id).sort())
    const last = served.at(-1)?.id ?? ''
    await bench.logLine(last)
    await waitFor('all log lines', () => readLoggedPaths().size >= served.length)
    const logged = readLoggedPaths()
    for (const { target, id } of served) {
      const matched = canonicalizePath(`http://client.test${target}`)
      const path = matched.ok ? matched.value.path : 'refused'
      const paths = { logged: logged.get(id), sent: cutQuery(targetOf(sent.get(id))) }
      expect({ target, ...paths }).toEqual({ target, logged: path, sent: path })
    }
    for (const { target, revision } of refused.filter(({ target }) => !isRefusedByParser(target))) {
      expect({ target, ok: canonicalizePath(`http://client.test${target}`).ok, revision }).toEqual({
        target,
        ok: false,
        revision: expect.stringMatching(/^\d+$/),
      })
    }
  })

  test('S14 explain tells what happens to a target as it is', async () => {
    const list = fc
      .sample(targets, { seed: SEED + 1, numRuns: 300 })
      .filter((target) => !isRefusedByParser(target))
    const seen = await askAll(list)
    for (const { target, status } of seen) {
      const body = JSON.stringify({
        method: 'GET',
        url: `http://client.test${target}`,
        headers: { 'X-Routing-Key': 'cell' },
      })
      const explained = await callAdmin(bench.target, {
        method: 'POST',
        path: '/admin/explain',
        body,
      })
      expect(explained.status).toBe(200)
      const { placement } = JSON.parse(explained.text) as { placement: string | null }
      expect({ target, placement }).toEqual({ target, placement: status === 200 ? 'cell' : null })
    }
  })

  test("S14 a quote in a query reaches the cell as the URL standard's fetch writes it", async () => {
    await bench.get("/q?a='b'&c=d|^\\{}`")
    expect(targetOf(bench.upstream.messages[0])).toBe('/q?a=%27b%27&c=d|^\\{}`')
  })
})

/** The platform's parser refuses raw control and non-ASCII bytes, blanks, and some quotes and brackets. */
function isRefusedByParser(target: string): boolean {
  const [beforeFragment = ''] = target.split('#', 1)
  const path = cutQuery(beforeFragment)
  const query = beforeFragment.slice(path.length)
  return /[^\x21-\x7e]/.test(target) || /[<>`]/.test(path) || /["<>]/.test(query)
}
