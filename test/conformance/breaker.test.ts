import { describe, expect, it } from 'vitest'
import { findFreePort } from '../../scripts/local.ts'
import { callAdmin, publishAndWait } from '../support/api.ts'
import { type Bench, expectProblem, useBench } from '../support/conformance.ts'
import { type Answer, open, pollUntil, resetConnection, send } from '../support/http.ts'
import { type Handler, holdRequests } from '../support/origin.ts'
import { TARGET_KINDS } from '../support/targets.ts'

const OPEN_MS = 2_000

/** A name of its own per test: a breaker belongs to the name of its placement. */
let lastNumber = 0

interface Case {
  readonly bench: Bench
  readonly key: string
  get(path?: string, method?: string): Promise<Answer>
}

/** A document of the baseline: `key` leads to visa, threshold 3, open 2 s, fallback tier3. */
async function prepare(bench: Bench, changes: Record<string, unknown> = {}): Promise<Case> {
  const key = `key-${process.pid}-${++lastNumber}`
  const { visa, tier3 } = bench.fixture.cells
  const breaker = { failure_threshold: 3, timeout: `${OPEN_MS}ms` }
  await publishAndWait(bench.target, {
    version: key,
    routingTable: { [key]: key },
    placements: {
      [key]: { url: visa.url, fallback: `${key}-rest`, circuit_breaker: breaker, ...changes },
      [`${key}-rest`]: { url: tier3.url },
    },
    defaultPlacement: `${key}-rest`,
  })
  const get = (path = '/x', method = 'GET') => send(bench.target, { path, key, method })
  return { bench, key, get }
}

const respond =
  (status: number): Handler =>
  (_, response) => {
    response.writeHead(status).end('scripted')
  }

/** Statuses of the visa cell, one request each. */
async function play({ bench, get }: Case, statuses: readonly number[]): Promise<void> {
  for (const status of statuses) {
    bench.fixture.cells.visa.script(respond(status))
    expect((await get()).status).toBe(status)
  }
}

const told = ({ status, headers }: Answer) => [
  status,
  headers['x-routed-to']?.toString().replace(/^key-\d+-\d+/, 'key'),
  headers['x-failover-reason'],
]
const PRIMARY = [200, 'key', undefined]
const FALLBACK = [200, 'key-rest', 'circuit_open']

describe.each(TARGET_KINDS)('breakers, npm target %s', (kind) => {
  const bench = useBench(kind)

  it('D31 two failures, a success and two failures leave it closed', async () => {
    const one = await prepare(bench)
    await play(one, [500, 500, 200, 500, 500])
    expect(told(await one.get())).toEqual(PRIMARY)
  })

  it('D32 D33 three failures in a row: the fallback answers, and the cell is left alone', async () => {
    const one = await prepare(bench)
    await play(one, [500, 500, 500])
    const before = bench.fixture.cells.visa.requests.length
    for (let i = 0; i < 20; i++) {
      const answer = await one.get()
      expect(told(answer)).toEqual(FALLBACK)
      expect(answer.headers['x-route-reason']).toBe('dedicated')
    }
    expect(bench.fixture.cells.visa.requests.length).toBe(before)
  })

  it('D34 F16 after the open time a request reaches the cell again, and a success closes', async () => {
    const one = await prepare(bench)
    await play(one, [500, 500, 500])
    // The isolate hears of what its probe brought about a moment after the answer.
    await pollUntil(
      () => one.get(),
      ({ headers }) =>
        headers['x-routed-to'] === one.key && headers['x-circuit-state'] !== 'half_open',
    )
    for (let i = 0; i < 10; i++) expect(told(await one.get())).toEqual(PRIMARY)
  })

  it('D35 a probe that fails opens it for the whole open time again', async () => {
    const one = await prepare(bench)
    const { visa } = bench.fixture.cells
    await play(one, [500, 500, 500])
    const before = visa.requests.length
    visa.script(respond(500))
    await pollUntil(
      () => one.get(),
      ({ status }) => status === 500,
    )
    const failedAt = performance.now()
    expect(visa.requests.length).toBe(before + 1)
    await pollUntil(
      () => one.get(),
      (answer) => answer.headers['x-failover-reason'] === undefined,
    )
    expect(performance.now() - failedAt).toBeGreaterThan(OPEN_MS - 100)
    expect(visa.requests.length).toBe(before + 2)
  })

  it('D36 of fifty requests at the moment of half-open the cell sees exactly one', async () => {
    const one = await prepare(bench)
    const { visa } = bench.fixture.cells
    await play(one, [500, 500, 500])
    const held = holdRequests('visa')
    visa.answer('/held', held)
    const before = visa.requests.length
    const answers: Promise<Answer>[] = []
    let waiting = 0
    const ask = (count: number) => {
      for (let i = 0; i < count; i++) {
        waiting++
        answers.push(one.get('/held').finally(() => waiting--))
      }
    }
    await pollUntil(
      async () => {
        if (waiting < 5) ask(5)
        return visa.requests.length
      },
      (seen) => seen > before,
    )
    ask(50)
    await pollUntil(
      async () => waiting,
      (count) => count === 1,
    )
    expect(visa.requests.length).toBe(before + 1)
    held.release()
    await Promise.all(answers)
  })

  it('D38 open, and nothing to fall back to: 503 with Retry-After and the state', async () => {
    const one = await prepare(bench, { fallback: '' })
    await play(one, [500, 500, 500])
    const answer = await one.get()
    expectProblem(answer, { status: 503, code: 'circuit_open' })
    expect(answer.json()).toMatchObject({ title: 'Circuit Breaker Open' })
    expect(answer.headers['x-circuit-state']).toBe('open')
    expect(answer.headers['retry-after']).toMatch(/^[1-3]$/)
  })

  it('D39 F17 client errors never open', async () => {
    const one = await prepare(bench)
    await play(one, Array<number>(30).fill(404))
    expect(told(await one.get())).toEqual(PRIMARY)
  })

  it('D40 F17 twenty clients that leave never open', async () => {
    const one = await prepare(bench)
    const { visa } = bench.fixture.cells
    const held = holdRequests('visa')
    visa.answer('/left', held)
    for (let i = 0; i < 20; i++) {
      const before = visa.count('/left')
      const { request } = open(bench.target, { path: '/left', key: one.key })
      await pollUntil(
        async () => visa.count('/left'),
        (seen) => seen > before,
      )
      resetConnection(request)
    }
    held.release()
    expect(told(await one.get())).toEqual(PRIMARY)
  })

  it('D41 nobody listens: POST gets 502 until it opens, GET the fallback at once', async () => {
    const one = await prepare(bench, { url: `http://127.0.0.1:${await findFreePort()}` })
    expect(told(await one.get())).toEqual([200, 'key-rest', 'upstream_error'])
    const posts = [await one.get('/x', 'POST'), await one.get('/x', 'POST')]
    for (const answer of posts) expectProblem(answer, { status: 502, code: 'upstream_unreachable' })
    expect(told(await one.get('/x', 'POST'))).toEqual(FALLBACK)
  })

  it('D42 each placement has its own threshold', async () => {
    const three = await prepare(bench)
    await play(three, [500, 500, 500])
    expect(told(await three.get())).toEqual(FALLBACK)
    const five = await prepare(bench, { circuit_breaker: { failure_threshold: 5, timeout: '2s' } })
    await play(five, [500, 500, 500, 500, 500])
    expect(told(await five.get())).toEqual(FALLBACK)
  })

  it('D43 a fallback that fails opens its own breaker and leaves the other as it is', async () => {
    const one = await prepare(bench)
    await play(one, [500, 500, 500])
    bench.fixture.cells.tier3.script(...Array.from({ length: 5 }, () => respond(500)))
    for (let i = 0; i < 5; i++) expect((await one.get()).status).toBe(500)
    expectProblem(await one.get(), { status: 503, code: 'circuit_open' })
    const back = await pollUntil(
      () => one.get(),
      ({ headers }) => headers['x-routed-to'] === one.key,
    )
    expect(told(back)).toEqual(PRIMARY)
  })

  it('D47 forced open and taken back by the operator, the next decisions go by it', async () => {
    const one = await prepare(bench)
    const path = `/admin/placements/${one.key}/breaker`
    const force = (body: object) =>
      callAdmin(bench.target, { method: 'POST', path, body: JSON.stringify(body) })
    await pollUntil(
      () => force({ state: 'open', ttl: '1m', reason: 'a drill' }),
      ({ status }) => status === 200, // The object hears of its placement a moment after the publish.
    )
    expect(told(await one.get())).toEqual(FALLBACK)
    expect((await force({ state: 'closed', ttl: '1m', reason: 'enough' })).status).toBe(200)
    await play(one, [500, 500, 500, 500, 500])
    expect(told(await one.get())).toEqual(PRIMARY)
    expect((await force({ state: 'auto' })).status).toBe(200)
    await play(one, [200, 500, 500, 500])
    expect(told(await one.get())).toEqual(FALLBACK)
  })

  it('D54 both are down: one answer, 503, after one attempt at each', async () => {
    const one = await prepare(bench, { url: `http://127.0.0.1:${await findFreePort()}` })
    const { tier3 } = bench.fixture.cells
    tier3.answer('/cut', (_, response) => void response.destroy())
    expectProblem(await one.get('/cut'), { status: 503, code: 'all_endpoints_failed' })
    expect(tier3.count('/cut')).toBe(1)
  })
})
