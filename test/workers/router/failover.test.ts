import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { aPlacement } from '../../support/a-config.ts'
import { START, startWorld, told } from './failover-world.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: START })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('failover without any breaker object', () => {
  it('D41 a GET that reaches nobody is answered by the fallback, a POST is not repeated', async () => {
    const { cells, send } = startWorld()
    cells.A1.breaks = true
    expect(told(await send())).toEqual([200, 'b', 'upstream_error', 'unknown'])
    expect((await send({ method: 'POST', body: 'x' })).status).toBe(502)
    expect(cells.B.seen.length).toBe(1)
  })

  it('D32 D33 after N failures in a row the fallback answers, and the cell is left alone', async () => {
    const { cells, send } = startWorld()
    cells.A1.status = 500
    for (let i = 0; i < 5; i++) expect(told(await send())).toEqual([500, 'a', null, 'unknown'])
    for (let i = 0; i < 5; i++)
      expect(told(await send())).toEqual([200, 'b', 'circuit_open', 'unknown'])
    expect(cells.A1.seen.length).toBe(5)
  })

  it('D31 a success in between starts the count again', async () => {
    const { cells, send } = startWorld()
    for (const status of [500, 500, 500, 500, 200, 500, 500, 500, 500]) {
      cells.A1.status = status
      expect((await send()).status).toBe(status)
    }
    expect(cells.B.seen.length).toBe(0)
  })

  it('D34 D35 after the open time one request finds out: a success closes, a failure opens again', async () => {
    const { cells, send } = startWorld()
    cells.A1.status = 500
    for (let i = 0; i < 5; i++) await send()
    vi.setSystemTime(START + 2_000)
    const together = await Promise.all([send(), send(), send()])
    expect(together.map((one) => one.status).sort()).toEqual([200, 200, 500])
    cells.A1.status = 200
    expect(told(await send())).toEqual([200, 'b', 'circuit_open', 'unknown'])
    vi.setSystemTime(START + 6_000)
    expect(told(await send())).toEqual([200, 'a', null, 'half_open'])
    expect(told(await send())).toEqual([200, 'a', null, 'unknown'])
  })

  it('D38 with nothing to fall back to the answer is 503 with Retry-After and the state', async () => {
    const { cells, send } = startWorld({ fallback: [] })
    cells.A1.status = 500
    for (let i = 0; i < 5; i++) await send()
    const refused = await send()
    expect([refused.status, refused.headers.get('x-circuit-state')]).toEqual([503, 'open'])
    expect(refused.headers.get('retry-after')).toBe('2')
    expect(await refused.json()).toMatchObject({
      code: 'circuit_open',
      title: 'Circuit Breaker Open',
    })
  })

  it('whenOpen "default" sends what nobody else takes to the default placement', async () => {
    const { cells, send } = startWorld({ whenOpen: 'default' })
    cells.A1.status = 500
    cells.B.status = 500
    for (let i = 0; i < 10; i++) await send()
    expect(told(await send())).toEqual([200, 'c', 'circuit_open', 'unknown'])
    expect([cells.A1, cells.B].map(({ seen }) => seen.length)).toEqual([5, 5])
  })

  it('D39 D40 client errors and neutral answers never open', async () => {
    const { cells, send } = startWorld()
    for (const status of [400, 404, 408, 429]) {
      cells.A1.status = status
      for (let i = 0; i < 12; i++) expect((await send()).headers.get('x-routed-to')).toBe('a')
    }
  })

  it('D43 what the fallback does is charged to the fallback', async () => {
    const { cells, send } = startWorld({}, { fallback: [] })
    cells.A1.status = 500
    cells.B.status = 500
    for (let i = 0; i < 10; i++) await send()
    expect([cells.A1.seen.length, cells.B.seen.length]).toEqual([5, 5])
    expect((await send()).status).toBe(503)
    cells.A1.status = 200
    vi.setSystemTime(START + 2_000)
    expect(told(await send())).toEqual([200, 'a', null, 'half_open'])
  })

  it('D54 when both are down there is one answer, 503, and no loop', async () => {
    const { cells, send } = startWorld({}, { fallback: ['a'] })
    cells.A1.breaks = true
    cells.B.breaks = true
    const answer = await send()
    expect([answer.status, (await answer.json<{ code: string }>()).code]).toEqual([
      503,
      'all_endpoints_failed',
    ])
    expect([cells.A1.seen.length, cells.B.seen.length]).toEqual([1, 1])
  })
})

describe('the retry budget of a placement', () => {
  it('stops retries when most requests need one', async () => {
    const { cells, send } = startWorld({
      circuitBreaker: { ...aPlacement().circuitBreaker, consecutiveFailures: null, window: null },
    })
    cells.A1.breaks = true
    for (let i = 0; i < 150; i++) await send()
    expect([cells.A1.seen.length, cells.B.seen.length]).toEqual([150, 100])
    expect((await send()).status).toBe(502)
  })
})

describe('endpoints of one placement', () => {
  it('D90 each gets its turn', async () => {
    const { cells, send } = startWorld({}, {}, ['A1', 'A2', 'A3'])
    for (let i = 0; i < 30; i++) await send()
    expect([cells.A1, cells.A2, cells.A3].map(({ seen }) => seen.length)).toEqual([10, 10, 10])
  })

  it('D91 the next one is tried for GET, and not for POST', async () => {
    const { cells, send } = startWorld({ fallback: [] }, {}, ['A1', 'A2'])
    cells.A1.breaks = true
    for (let i = 0; i < 4; i++) expect((await send()).status).toBe(200)
    expect(cells.A2.seen.length).toBe(4)
    const statuses = [await send({ method: 'POST' }), await send({ method: 'POST' })]
    expect(statuses.map(({ status }) => status).sort()).toEqual([200, 502])
  })

  it('D92 none answers: 503 after as many attempts as are configured', async () => {
    const { cells, send } = startWorld({ fallback: [] }, {}, ['A1', 'A2', 'A3'])
    for (const cell of [cells.A1, cells.A2, cells.A3]) cell.breaks = true
    const answer = await send()
    expect([answer.status, (await answer.json<{ code: string }>()).code]).toEqual([
      503,
      'all_endpoints_failed',
    ])
    expect([cells.A1, cells.A2, cells.A3].map(({ seen }) => seen.length)).toEqual([1, 1, 1])
  })

  it('the same request id and body go to each; POST only with Idempotency-Key where it is listed', async () => {
    const retry = { attempts: 2, methods: ['POST'], maxBufferedBodyBytes: 100 }
    const { cells, send } = startWorld({ retry })
    cells.A1.breaks = true
    const post = (body: string, headers: Record<string, string>) =>
      send({ method: 'POST', body, headers: { 'content-length': String(body.length), ...headers } })
    expect((await post('small', {})).status).toBe(502)
    expect((await post('small', { 'idempotency-key': '1' })).status).toBe(200)
    expect((await post('x'.repeat(101), { 'idempotency-key': '2' })).status).toBe(502)
    expect(cells.B.bodies).toEqual(['small'])
    const ids = [cells.A1.seen[1], cells.B.seen[0]].map((one) => one?.headers.get('x-request-id'))
    expect(ids[0]).toBe(ids[1])
  })

  it('retries stop at the configured number', async () => {
    const retry = { attempts: 1, methods: ['GET'], maxBufferedBodyBytes: 0 }
    const { cells, send } = startWorld({ retry }, {}, ['A1', 'A2', 'A3'])
    for (const cell of [cells.A1, cells.A2, cells.A3]) cell.breaks = true
    expect((await send()).status).toBe(503)
    const seen = [cells.A1, cells.A2, cells.A3, cells.B].map((cell) => cell.seen.length)
    expect(seen.toSorted()).toEqual([0, 0, 1, 1])
    expect(cells.B.seen.length).toBe(0)
  })

  it('least requests: the one that is slow gets next to nothing, and is not waited for', async () => {
    const { cells, send } = startWorld({ balance: 'least-requests' }, {}, ['A1', 'A2', 'A3'])
    cells.A2.delayMs = 30
    for (let i = 0; i < 60; i++) {
      await send()
      vi.setSystemTime(Date.now() + 10)
    }
    expect(cells.A2.seen.length).toBeLessThan(6)
    expect(cells.A1.seen.length).toBeGreaterThan(15)
  })

  it('rendezvous: a routing key keeps its endpoint, and the next one answers when that dies', async () => {
    const { cells, send } = startWorld({ balance: 'rendezvous' }, {}, ['A1', 'A2', 'A3'])
    const all = [cells.A1, cells.A2, cells.A3]
    for (let i = 0; i < 6; i++) await send()
    const home = all.find(({ seen }) => seen.length === 6)
    expect(home).toBeDefined()
    if (home !== undefined) home.breaks = true
    for (let i = 0; i < 3; i++) expect((await send()).status).toBe(200)
    expect(all.map(({ seen }) => seen.length).toSorted()).toEqual([0, 3, 9])
  })
})
