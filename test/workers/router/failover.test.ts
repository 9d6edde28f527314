import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { PlacementConfig } from '../../../shared/config/config.ts'
import { createRouterApp } from '../../../workers/router/app.ts'
import { createBreakers } from '../../../workers/router/breakers.ts'
import { createRouter } from '../../../workers/router/router.ts'
import type { Held } from '../../../workers/router/snapshots.ts'
import { aConfig, aPlacement } from '../../support/a-config.ts'
import { aSnapshot } from '../../support/a-snapshot.ts'

const START = Date.UTC(2026, 10, 20)

/** A cell that does what it is told, and counts. */
class Cell {
  status = 200
  breaks = false
  readonly seen: Request[] = []
  readonly bodies: string[] = []

  async fetch(input: Request | string, init?: RequestInit): Promise<Response> {
    const request = new Request(input, init)
    this.seen.push(request)
    if (request.body !== null) this.bodies.push(await request.text())
    if (this.breaks) throw new Error('the cell is gone')
    return new Response('from the cell', { status: this.status })
  }
}

interface World {
  readonly cells: Record<'A1' | 'A2' | 'A3' | 'B' | 'C', Cell>
  send(request?: RequestInit): Promise<Response>
}

/** A router without breaker objects: placement a with three endpoints, its fallback b, default c. */
function startWorld(
  a: Partial<PlacementConfig> = {},
  b: Partial<PlacementConfig> = {},
  endpoints: readonly ('A1' | 'A2' | 'A3')[] = ['A1'],
): World {
  const cells = { A1: new Cell(), A2: new Cell(), A3: new Cell(), B: new Cell(), C: new Cell() }
  const at = (binding: string) => ({ kind: 'service' as const, binding, weight: 1 })
  const config = aConfig({
    routingTable: [['k', 'a']],
    placements: {
      a: aPlacement({ endpoints: endpoints.map(at), fallback: ['b'], ...a }),
      b: aPlacement({ endpoints: [at('B')], ...b }),
      c: aPlacement({ endpoints: [at('C')] }),
    },
    defaultPlacement: 'c',
  })
  const snapshot = aSnapshot(config)
  const held: Held = { snapshot, source: 'coordinator', loadedAt: 0 }
  const cache = { peek: () => held, current: () => held, refreshNow: async () => {} }
  const router = createRouter(cache, createBreakers(), () => {
    throw new Error('a warm router asks no source')
  })
  const app = createRouterApp(router, {
    serve: () => new Response('own page'),
    isAdminCredential: async () => false,
  })
  const bindings = { ...env, ...cells, BREAKER: undefined }
  return {
    cells,
    send: async (init = {}) => {
      const ctx = createExecutionContext()
      const headers = { 'x-routing-key': 'k', ...init.headers }
      const request = new Request('http://a.test/x', { ...init, headers })
      const response = await app.fetch(request, bindings, ctx)
      await waitOnExecutionContext(ctx)
      return response
    },
  }
}

const told = ({ status, headers }: Response) => [
  status,
  headers.get('x-routed-to'),
  headers.get('x-failover-reason'),
  headers.get('x-circuit-state'),
]

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
    expect([cells.A1, cells.A2, cells.A3, cells.B].map(({ seen }) => seen.length)).toEqual([
      1, 1, 0, 0,
    ])
  })
})
