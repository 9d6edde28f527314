import { createHash, randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { publishAndWait } from '../support/api.ts'
import { expectProblem, useBench } from '../support/conformance.ts'
import { type Answer, hashBody, open, readAnswer, send } from '../support/http.ts'
import { answerWith } from '../support/origin.ts'
import { TARGET_KINDS, type Target } from '../support/targets.ts'

const MIB = 1_048_576
const LIMIT = 5_242_880
const LARGE_MIB = 100
const GROWTH_BYTES = 60 * MIB

describe.each(TARGET_KINDS)('bodies, npm target %s', (kind) => {
  let revision = 0
  const bench = useBench(kind, async ({ target, fixture }) => {
    const { visa, tier3 } = fixture.cells
    const published = await publishAndWait(target, {
      schema: 1,
      routingTable: { visa: 'visa', plain: 'plain', counted: 'counted' },
      defaultPlacement: 'plain',
      placements: {
        visa: { endpoints: [visa.url], concurrencyLimit: 50, maxRequestBodyBytes: LIMIT },
        plain: { endpoints: [visa.url], timeouts: { headers: '60s' } },
        counted: {
          endpoints: [tier3.url],
          concurrencyLimit: 50,
          maxRequestBodyBytes: 200 * MIB,
          timeouts: { headers: '60s' },
        },
      },
    })
    revision = published.revision
  })
  const visa = () => bench.fixture.cells.visa

  it('D57 D30 a Content-Length over the limit is refused before the cell is called', async () => {
    const headers = { 'Content-Length': String(LIMIT + 1) }
    // The development proxy of npm start passes no early answer on: it gets the whole body.
    const body = kind === 'start' ? Buffer.alloc(LIMIT + 1) : neverBegin()
    const call = { method: 'POST', path: '/over', key: 'visa', headers, body }
    const { request, response } = open(bench.target, call)
    const answer = await readAnswer(await response)
    request.destroy()
    expectProblem(answer, { status: 413, code: 'body_too_large', revision })
    expect(visa().count('/over')).toBe(0)
  })

  it('D58 a body of exactly the limit is taken', async () => {
    const body = randomBytes(LIMIT)
    const answer = await send(bench.target, { method: 'POST', path: '/exact', key: 'visa', body })
    expect(answer.json()).toMatchObject({ bodyBytes: LIMIT, sha256: hashBody(body) })
  })

  it('D58 a chunked body of exactly the limit is taken', async () => {
    const body = repeatBytes(Buffer.alloc(MIB, 7), LIMIT / MIB)
    const answer = await send(bench.target, { method: 'POST', path: '/exact', key: 'visa', body })
    expect(answer.json()).toMatchObject({ bodyBytes: LIMIT })
  })

  it('D59 D30 a chunked body over the limit never reaches the cell as a complete one', async () => {
    for (let round = 0; round < 3; round++) {
      // An ordinary request first, so that the connection to the cell is a reused one.
      await send(bench.target, { path: '/ordinary', key: 'visa' })
      const body = exceedByOne()
      const call = { method: 'POST', path: `/over-${round}`, key: 'visa', body }
      const answer = await send(bench.target, call)
      expectProblem(answer, { status: 413, code: 'body_too_large', revision })
    }
    const over = visa().requests.filter(({ url }) => url.startsWith('/over-'))
    await Promise.all(over.map(({ finished }) => finished))
    expect(over.filter(({ complete }) => complete)).toEqual([])
  })

  it('D23 an upload of 100 MB arrives intact and does not stay in memory', async () => {
    const sent = await uploadLarge(bench.target, 'plain', true)
    expect(sent.answer.json()).toMatchObject({ bodyBytes: LARGE_MIB * MIB, sha256: sent.sha256 })
    // On npm start the development proxy, a Worker of its own, shares the process.
    if (kind === 'serve') expect(sent.growthBytes).toBeLessThan(GROWTH_BYTES)
  })

  it('D23 so does a chunked upload that is counted against a limit', async () => {
    const sent = await uploadLarge(bench.target, 'counted', false)
    expect(sent.answer.json()).toMatchObject({ bodyBytes: LARGE_MIB * MIB, sha256: sent.sha256 })
    if (kind === 'serve') expect(sent.growthBytes).toBeLessThan(GROWTH_BYTES)
  })

  it.each(['visa', 'plain'])(
    'D21 a compressed body keeps its bytes, length and ETag, placement %s',
    async (key) => {
      const text = 'a body that compresses well. '.repeat(200)
      const packed = gzipSync(text)
      const headers = {
        'Content-Encoding': 'gzip',
        'Content-Type': 'text/plain',
        'Content-Length': String(packed.length),
        ETag: '"v1"',
      }
      visa().answer('/packed', answerWith(200, headers, packed))
      const accept = { 'Accept-Encoding': 'gzip' }
      const answer = await send(bench.target, { path: '/packed', key, headers: accept })
      expect(answer.headers).toMatchObject({ 'content-encoding': 'gzip', etag: '"v1"' })
      expect(answer.headers['content-length']).toBe(String(packed.length))
      expect(hashBody(answer.body)).toBe(hashBody(packed))
    },
  )
})

/** Ends right after the byte too many: nothing is left to write when the answer comes. */
async function* exceedByOne(): AsyncGenerator<Uint8Array> {
  yield* repeatBytes(Buffer.alloc(MIB, 7), LIMIT / MIB)
  yield Buffer.alloc(1)
}

/** A body whose first byte never comes. */
async function* neverBegin(): AsyncGenerator<Uint8Array> {
  yield await new Promise<never>(() => undefined)
}

async function* repeatBytes(chunk: Uint8Array, times: number): AsyncGenerator<Uint8Array> {
  for (let sent = 0; sent < times; sent++) yield chunk
}

async function uploadLarge(target: Target, key: string, isSized: boolean) {
  const chunk = randomBytes(MIB)
  const hash = createHash('sha256')
  for (let sent = 0; sent < LARGE_MIB; sent++) hash.update(chunk)
  const upload = (times: number): Promise<Answer> =>
    send(target, {
      method: 'POST',
      path: '/large',
      key,
      body: repeatBytes(chunk, times),
      ...(isSized && { headers: { 'Content-Length': String(times * MIB) } }),
    })
  await upload(10) // What the runtime keeps for its own use is allocated by now.
  const before = measureResident(target)
  let peak = before
  const timer = setInterval(() => {
    peak = Math.max(peak, measureResident(target))
  }, 50)
  const answer = await upload(LARGE_MIB).finally(() => clearInterval(timer))
  peak = Math.max(peak, measureResident(target))
  return { answer, sha256: hash.digest('hex'), growthBytes: peak - before }
}

/** Of the runtime's processes; 0 where there is no /proc. */
const measureResident = (target: Target): number =>
  target
    .members()
    .filter(({ name }) => name.startsWith('workerd'))
    .reduce((total, { residentBytes }) => total + residentBytes, 0)
