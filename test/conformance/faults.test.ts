import { connect } from 'node:net'
import { beforeAll, describe, expect, it } from 'vitest'
import { publishAndWait } from '../support/api.ts'
import { expectProblem, useBench } from '../support/conformance.ts'
import { open, pollUntil, resetConnection, send } from '../support/http.ts'
import { type Handler, holdRequests, startOrigin } from '../support/origin.ts'
import { TARGET_KINDS } from '../support/targets.ts'
import { openWebSocket } from '../support/websocket.ts'

const OFF = { consecutiveFailures: null, window: null }
const HEADERS_MS = 1_500

const cut: Handler = (_, response) => void response.destroy()

describe.each(TARGET_KINDS)('what fails around a request, npm target %s', (kind) => {
  const sockets = { url: '', close: async (): Promise<void> => undefined }
  const bench = useBench(kind, async ({ target, fixture }) => {
    const { visa, tier1, tier2 } = fixture.cells
    Object.assign(sockets, await startOrigin('sockets'))
    const timeouts = { headers: `${HEADERS_MS}ms` }
    await publishAndWait(target, {
      schema: 1,
      label: kind,
      routingTable: Object.fromEntries(
        ['storm', 'plain', 'keyed', 'tiny', 'socket', 'wide'].map((name) => [name, name]),
      ),
      defaultPlacement: 'rest',
      placements: {
        storm: { endpoints: [visa.url], fallback: ['rest'], circuitBreaker: OFF },
        plain: { endpoints: [visa.url], fallback: ['rest'], timeouts, circuitBreaker: OFF },
        keyed: {
          endpoints: [visa.url],
          fallback: ['rest'],
          circuitBreaker: OFF,
          retry: { methods: ['GET', 'POST'] },
        },
        tiny: { endpoints: [visa.url], fallback: ['rest'], maxRequestBodyBytes: 4 },
        socket: {
          endpoints: [sockets.url],
          fallback: ['rest'],
          circuitBreaker: { consecutiveFailures: 1 },
        },
        wide: {
          endpoints: [visa.url],
          fallback: ['rest'],
          circuitBreaker: {
            consecutiveFailures: null,
            window: { duration: '1s', minimumRequests: 5, failureRate: 0.5 },
          },
        },
        rest: { endpoints: [tier2.url, tier1.url], circuitBreaker: OFF },
      },
    })
  })
  beforeAll(() => () => sockets.close())

  it('D48 failures that are spread wider than the window never open, within it they do', async () => {
    const { visa } = bench.fixture.cells
    visa.answer('/wide', (_, response) => void response.writeHead(500).end())
    const get = () => send(bench.target, { path: '/wide', key: 'wide' })
    for (let i = 0; i < 6; i++) {
      expect((await get()).status).toBe(500)
      await new Promise((resolve) => setTimeout(resolve, 1_100))
    }
    const answer = await pollUntil(get, ({ status }) => status === 200)
    expect(answer.headers['x-failover-reason']).toBe('circuit_open')
  })

  it('F17 what the router itself refuses is no failure of the cell', async () => {
    for (let i = 0; i < 30; i++) {
      const refused = await send(bench.target, { method: 'POST', key: 'tiny', body: 'too large' })
      expectProblem(refused, { status: 413, code: 'body_too_large' })
    }
    expect((await send(bench.target, { path: '/x', key: 'tiny' })).headers['x-routed-to']).toBe(
      'tiny',
    )
  })

  it('F19 when every cell fails, retries add a tenth and the budget, not a multiple', async () => {
    const { cells } = bench.fixture
    const all = [cells.visa, cells.tier1, cells.tier2]
    for (const cell of all) cell.answer('/storm', cut)
    const REQUESTS = 1_000
    for (let sent = 0; sent < REQUESTS; sent += 50) {
      await Promise.all(
        Array.from({ length: 50 }, () => send(bench.target, { path: '/storm', key: 'storm' })),
      )
    }
    const attempts = all.reduce((sum, cell) => sum + cell.count('/storm'), 0)
    expect(attempts).toBeGreaterThan(REQUESTS)
    expect(attempts).toBeLessThanOrEqual(1.2 * REQUESTS)
  })

  it('F20 a POST that was sent is sent again only with an Idempotency-Key, where the config lists it', async () => {
    const { visa } = bench.fixture.cells
    visa.answer('/once', cut)
    const post = (key: string, headers = {}) =>
      send(bench.target, { method: 'POST', path: '/once', key, body: 'x', headers })
    for (const [key, headers] of [
      ['plain', {}],
      ['plain', { 'Idempotency-Key': 'k' }],
      ['keyed', {}],
    ] as const) {
      const before = visa.count('/once')
      expectProblem(await post(key, headers), { status: 502, code: 'upstream_unreachable' })
      expect(visa.count('/once') - before).toBe(1)
    }
    const answer = await post('keyed', { 'Idempotency-Key': 'k' })
    expect([answer.status, answer.headers['x-failover-reason']]).toEqual([200, 'upstream_error'])
    expect(answer.json()).toMatchObject({ bodyBytes: 1, path: '/once' })
  })

  // The development server does not hand a reset on.
  it.runIf(kind === 'serve')(
    'F21 a client that resets its connection ends the request at the cell',
    async () => {
      const { visa } = bench.fixture.cells
      const held = holdRequests('visa')
      visa.answer('/silent', held)
      const { request } = open(bench.target, { path: '/silent', key: 'storm' })
      await pollUntil(
        async () => visa.count('/silent'),
        (seen) => seen === 1,
      )
      resetConnection(request)
      await pollUntil(
        async () => visa.last('/silent').aborted,
        (isAborted) => isAborted,
        HEADERS_MS,
      )
      held.release()
    },
  )

  it('F21 after a FIN with a silent cell, the header deadline ends it', async () => {
    const { visa } = bench.fixture.cells
    const held = holdRequests('visa')
    visa.answer('/silent-fin', held)
    const socket = connect(bench.target.port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.end('GET /silent-fin HTTP/1.1\r\nHost: a\r\nX-Routing-Key: plain\r\n\r\n')
    await pollUntil(
      async () => visa.count('/silent-fin') > 0 && visa.last('/silent-fin').aborted,
      (isAborted) => isAborted,
      HEADERS_MS + 2_000,
    )
    held.release()
    socket.destroy()
  })

  it('F22 a client that closes its half and waits gets its answer', async () => {
    const { visa } = bench.fixture.cells
    const held = holdRequests('visa')
    visa.answer('/half', held)
    const socket = connect({ port: bench.target.port, host: '127.0.0.1', allowHalfOpen: true })
    const text = new Promise<string>((resolve, reject) => {
      let received = ''
      socket.on('data', (chunk) => {
        received += chunk.toString()
      })
      socket.on('end', () => resolve(received))
      socket.on('error', reject)
    })
    socket.end('GET /half HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Routing-Key: storm\r\n\r\n')
    await pollUntil(
      async () => visa.count('/half'),
      (seen) => seen === 1,
    )
    held.release()
    expect(await text).toMatch(/^HTTP\/1\.1 200 .*"cell":"visa"/s)
    socket.destroy()
  })

  it('F28 the end of a WebSocket at the cell reaches the client, and is no failure', async () => {
    const upgrade = { 'X-Routing-Key': 'socket' }
    const call = await openWebSocket(bench.target, '/socket', upgrade)
    call.say('hello')
    expect(await call.hear()).toBe('hello')
    await sockets.close()
    await call.ended
    // Connecting to it again is one: nobody listens any more.
    const answer = await send(bench.target, { path: '/x', key: 'socket' })
    expect([answer.headers['x-routed-to'], answer.headers['x-failover-reason']]).toEqual([
      'rest',
      'upstream_error',
    ])
  })
})
