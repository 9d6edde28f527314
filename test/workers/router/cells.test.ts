import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { PlacementConfig } from '../../../shared/config/config.ts'
import { createRouterApp } from '../../../workers/router/app.ts'
import { createBreakers } from '../../../workers/router/breakers.ts'
import { createRouter } from '../../../workers/router/router.ts'
import type { Held } from '../../../workers/router/snapshots.ts'
import { aConfig, aPlacement } from '../../support/a-config.ts'
import { aSnapshot } from '../../support/a-snapshot.ts'

/** A router that holds one snapshot for ever and knows no source of another. */
function startRouter(placement: Partial<PlacementConfig>) {
  const config = aConfig({
    routingTable: [],
    placements: { visa: aPlacement(placement), other: aPlacement() },
    defaultPlacement: 'visa',
  })
  const snapshot = aSnapshot(config)
  const held: Held = { snapshot, source: 'coordinator', loadedAt: 0 }
  const cache = { peek: () => held, current: () => held, refreshNow: async () => {} }
  const router = createRouter(cache, createBreakers(), () => {
    throw new Error('a warm router asks no source')
  })
  return { router, snapshot }
}

async function ask(
  placement: Partial<PlacementConfig>,
  bindings: object,
  headers: Record<string, string> = {},
): Promise<Response> {
  const app = createRouterApp(startRouter(placement).router, {
    serve: () => new Response('own page'),
    isAdminCredential: async () => false,
  })
  const ctx = createExecutionContext()
  const request = new Request('http://a.test/logo.png', {
    headers: { 'x-routing-key': 'visa', ...headers },
  })
  const response = await app.fetch(request, { ...env, ...bindings }, ctx)
  const whole = new Response(await response.arrayBuffer(), response)
  await waitOnExecutionContext(ctx)
  return whole
}

type Cell = (request: Request) => Promise<Response>
const endpoints = [{ kind: 'service', binding: 'CELL_OF_THIS_TEST', weight: 1 }] as const
const bind = (cell: Cell) => ({
  CELL_OF_THIS_TEST: { fetch: (url: string, init: RequestInit) => cell(new Request(url, init)) },
})

describe('a cell that is a Worker', () => {
  it.each([new TypeError('x'), new RangeError('x'), new Error('x')])(
    'is told as unreachable whatever it throws: %s',
    async (error) => {
      const response = await ask(
        { endpoints },
        bind(async () => Promise.reject(error)),
      )
      expect(response.status).toBe(502)
      expect(await response.json()).toMatchObject({ code: 'upstream_unreachable' })
    },
  )

  it.each([
    ['too large', '5000'],
    ['no number', 'abc'],
  ])('is not held to a length that it declares and does not keep: %s', async (_name, length) => {
    const cell = async () =>
      new Response('the whole answer', { headers: { 'content-length': length } })
    const response = await ask({ endpoints, concurrencyLimit: 10 }, bind(cell))
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('the whole answer')
  })

  it('H03 gets the header that decided, also when Connection names it', async () => {
    let seen = new Headers()
    const cell: Cell = async (request) => {
      seen = request.headers
      return new Response()
    }
    await ask({ endpoints }, bind(cell), { connection: 'x-routing-key, x-hop', 'x-hop': '1' })
    expect([seen.get('x-routing-key'), seen.get('x-hop')]).toEqual(['visa', null])
  })

  it('is told as a missing endpoint when this deployment has no such binding', async () => {
    const response = await ask({ endpoints }, {})
    expect(response.status).toBe(503)
    expect(await response.json()).toMatchObject({ code: 'no_endpoint' })
  })
})

describe('endpoints in turn', () => {
  it('turn per placement, whatever the rhythm of the traffic, and go on after a publish', () => {
    const { router, snapshot } = startRouter({})
    const [a, b] = snapshot.placements
    if (a === undefined || b === undefined) throw new Error('the config has two placements')
    expect(router.balances.find(a)).not.toBe(router.balances.find(b))
    const published = { ...a, concurrencyLimit: 7 }
    expect(router.balances.find(published)).toBe(router.balances.find(a))
    const others = { ...a, balance: 'rendezvous' as const }
    expect(router.balances.find(others)).not.toBe(router.balances.find(a))
  })
})

describe('the cache of a zone, which knows no tenants', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  it.each([
    ['cloudflare', 'no-store'],
    ['workerd', undefined],
  ])('T08 is bypassed on %s', async (platform, cache) => {
    const sent: (string | undefined)[] = []
    vi.spyOn(globalThis, 'fetch').mockImplementation(async (_url, init) => {
      sent.push(init?.cache)
      return new Response('ok')
    })
    await ask({}, { PLATFORM: platform })
    expect(sent).toEqual([cache])
  })
})
