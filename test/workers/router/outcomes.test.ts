import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import type { BreakerView } from '../../../shared/breaker/view.ts'
import { type Result, succeed } from '../../../shared/result.ts'
import type { BreakerReply, BreakerReport, Views } from '../../../shared/rpc/breaker.ts'
import { createRouterApp } from '../../../workers/router/app.ts'
import { type Breakers, createBreakers } from '../../../workers/router/breakers.ts'
import { createRouter } from '../../../workers/router/router.ts'
import type { Held } from '../../../workers/router/snapshots.ts'
import { aConfig, aPlacement } from '../../support/a-config.ts'
import { aSnapshot } from '../../support/a-snapshot.ts'

const CLOSED: BreakerView = {
  epoch: 1,
  version: 1,
  generation: 1,
  phase: 'closed',
  isForced: false,
  leftMs: 0,
  rampedMs: 0,
  isDraining: false,
  unhealthy: [],
}

const A = { kind: 'service', binding: 'A', weight: 1 } as const

type Answer = (report: BreakerReport) => Promise<Result<BreakerReply, never>>

interface World {
  readonly breakers: Breakers
  readonly reports: BreakerReport[]
  answer: Answer
  status: number
  /** The cell behind both endpoints of placement a throws. */
  breaks: boolean
  calls: number
  /** Settles with the answer; `work` when everything behind the request has ended. */
  send(method?: string): Promise<{ response: Response; work: Promise<void> }>
}

const reply = (view: Partial<BreakerView> = {}, rest: Partial<BreakerReply> = {}) =>
  succeed({ view: { ...CLOSED, ...view }, permit: null, share: 1, ...rest })

/** A router whose breaker objects are what `answer` says. */
function startWorld(): World {
  const snapshot = aSnapshot(
    aConfig({
      routingTable: [['k', 'a']],
      placements: {
        a: aPlacement({ endpoints: [{ ...A }, { ...A }], fallback: ['b'] }),
        b: aPlacement({ endpoints: [{ kind: 'service', binding: 'B', weight: 1 }] }),
      },
      defaultPlacement: 'b',
    }),
  )
  const held: Held = { snapshot, source: 'coordinator', loadedAt: 0 }
  const cache = { peek: () => held, current: () => held, refreshNow: async () => {} }
  const breakers = createBreakers(() => 0)
  const router = createRouter(cache, breakers, () => {
    throw new Error('a warm router asks no source')
  })
  const app = createRouterApp(router, {
    serve: () => new Response('own page'),
    isAdminCredential: async () => false,
  })
  const world: World = {
    breakers,
    reports: [],
    answer: async () => reply(),
    status: 200,
    breaks: false,
    calls: 0,
    send: async (method = 'GET') => {
      const ctx = createExecutionContext()
      const headers = { 'x-routing-key': 'k' }
      const request = new Request('http://a.test/x', { method, headers })
      const response = await app.fetch(request, { ...env, ...cells, BREAKER }, ctx)
      return { response, work: waitOnExecutionContext(ctx) }
    },
  }
  const cells = {
    A: {
      fetch: async () => {
        world.calls++
        if (world.breaks) throw new Error('the cell is gone')
        return new Response('a', { status: world.status })
      },
    },
    B: { fetch: async () => new Response('b') },
  }
  const BREAKER = {
    getByName: (placement: string) => ({
      report: async (report: BreakerReport) => {
        expect(report.placement).toBe(placement)
        world.reports.push(report)
        return world.answer(report)
      },
    }),
  }
  return world
}

const routedTo = ({ response }: { response: Response }) => response.headers.get('x-routed-to')

describe('what an isolate reports', () => {
  it('nothing of a request that is answered', async () => {
    const world = startWorld()
    for (let i = 0; i < 20; i++) await (await world.send()).work
    expect(world.reports).toEqual([])
  })

  it('failures, within a quarter of a second, with the successes since the last report', async () => {
    const world = startWorld()
    for (let i = 0; i < 9; i++) await (await world.send()).work
    world.status = 503
    const sent = [await world.send(), await world.send()]
    await Promise.all(sent.map(({ work }) => work))
    expect(world.reports.length).toBe(1)
    expect(world.reports[0]).toMatchObject({
      placement: 'a',
      reporter: expect.stringMatching(/^[0-9a-f]{24}$/),
      sequence: 0,
      epoch: null,
      counts: [{ succeeded: 9, soft: 2 }],
      trailingFailures: 2,
      isBeacon: false,
      isSuspect: false,
    })
  })

  it('F19 no request waits for it, though the object hangs', async () => {
    const world = startWorld()
    world.answer = () => new Promise(() => {})
    world.status = 500
    for (let i = 0; i < 4; i++) expect((await world.send()).response.status).toBe(500)
    world.status = 200
    expect((await world.send()).response.status).toBe(200)
  })

  it('D46 an object that throws costs no request, and is left in peace for a while', async () => {
    const world = startWorld()
    world.answer = async () => {
      throw new Error('overloaded')
    }
    world.status = 500
    const first = await world.send()
    await first.work
    expect(first.response.headers.get('x-circuit-state')).toBe('unknown')
    await (await world.send()).work
    expect(world.reports.length).toBe(1)
  })

  it('L02 a request that is cancelled with its report leaves no silence: the deadline passes', async () => {
    const world = startWorld()
    world.status = 500
    await world.send() // its work is never waited for, as in a context that was torn down
    const known = [...world.breakers.all()][0]
    expect(known?.busyUntil).toBeGreaterThan(Date.now())
    expect(known?.busyUntil).toBeLessThan(Date.now() + 4_000)
  })
})

const tell = (view: Partial<BreakerView>): Views => [
  { placement: 'a', view: { ...CLOSED, ...view, ageMs: 0 } },
]

describe('what an isolate is told', () => {
  it('D32 the view in the answer to its own report counts at once', async () => {
    const world = startWorld()
    world.answer = async () => reply({ version: 2, generation: 2, phase: 'open', leftMs: 30_000 })
    world.status = 500
    await (await world.send()).work
    world.status = 200
    const next = await world.send()
    expect(routedTo(next)).toBe('b')
    expect(next.response.headers.get('x-failover-reason')).toBe('circuit_open')
  })

  it('a permit is asked for behind a request, and used by a later one that may be repeated', async () => {
    const world = startWorld()
    const halfOpen = { version: 3, generation: 3, phase: 'half_open' } as const
    world.breakers.apply(tell(halfOpen), Date.now())
    world.answer = async ({ wantsPermit }) =>
      reply(halfOpen, {
        permit:
          wantsPermit && world.reports.length === 1
            ? { id: '3.0', generation: 3, leftMs: 5_000 }
            : null,
      })
    const first = await world.send()
    expect(routedTo(first)).toBe('b')
    await first.work
    expect(world.reports).toMatchObject([{ placement: 'a', wantsPermit: true, probes: [] }])
    expect(routedTo(await world.send('POST'))).toBe('b')
    const probe = await world.send()
    expect([routedTo(probe), probe.response.headers.get('x-circuit-state')]).toEqual([
      'a',
      'half_open',
    ])
    expect(routedTo(await world.send())).toBe('b')
    await probe.work
    expect(world.reports.at(-1)).toMatchObject({
      probes: [{ permit: '3.0', outcome: 'succeeded' }],
      counts: [],
    })
  })

  it('a probe is one request, though the placement has another endpoint', async () => {
    const world = startWorld()
    const halfOpen = { version: 3, generation: 3, phase: 'half_open' } as const
    world.breakers.apply(tell(halfOpen), Date.now())
    world.answer = async () =>
      reply(halfOpen, { permit: { id: '3.0', generation: 3, leftMs: 5_000 } })
    await (await world.send()).work
    world.breaks = true
    const probe = await world.send()
    expect([routedTo(probe), world.calls]).toEqual(['b', 1])
    await probe.work
    expect(world.reports.at(-1)).toMatchObject({ probes: [{ permit: '3.0', outcome: 'failed' }] })
  })

  it('views of the refresh count for placements that it has met and for those that it has not', async () => {
    const world = startWorld()
    world.breakers.apply([], Date.now())
    expect((await world.send()).response.headers.get('x-circuit-state')).toBe('closed')
    const now = Date.now()
    world.breakers.apply(tell({ version: 2, phase: 'open', leftMs: 9_000 }), now)
    expect(routedTo(await world.send())).toBe('b')
    expect(world.breakers.list(now + 4_000)).toMatchObject([
      { placement: 'a', view: { phase: 'open', leftMs: 9_000, ageMs: 4_000 } },
    ])
    const other = startWorld()
    other.breakers.apply(tell({ version: 2, phase: 'open', leftMs: 9_000 }), Date.now())
    expect(routedTo(await other.send())).toBe('b')
  })
})
