import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, vi } from 'vitest'
import type { BreakerView } from '../../../shared/breaker/view.ts'
import { type Result, succeed } from '../../../shared/result.ts'
import type { BreakerReply, BreakerReport, Views } from '../../../shared/rpc/breaker.ts'
import { createRouterApp } from '../../../workers/router/app.ts'
import { type Breakers, createBreakers } from '../../../workers/router/breakers.ts'
import { createRouter } from '../../../workers/router/router.ts'
import type { Held } from '../../../workers/router/snapshots.ts'
import { aConfig, aPlacement } from '../../support/a-config.ts'
import { aSnapshot } from '../../support/a-snapshot.ts'

export const CLOSED: BreakerView = {
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

export const A = { kind: 'service', binding: 'A', weight: 1 } as const

export type Answer = (report: BreakerReport) => Promise<Result<BreakerReply, never>>

export interface World {
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

export const reply = (view: Partial<BreakerView> = {}, rest: Partial<BreakerReply> = {}) =>
  succeed({ view: { ...CLOSED, ...view }, permit: null, share: 1, ...rest })

/** A router whose breaker objects are what `answer` says. */
export function startWorld(): World {
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

export const routedTo = ({ response }: { response: Response }) =>
  response.headers.get('x-routed-to')

export const waitForPermit = ({ breakers }: World): Promise<unknown> =>
  vi.waitUntil(() => breakers.peek('a')?.held.permit)

export const tell = (view: Partial<BreakerView>): Views => [
  { placement: 'a', view: { ...CLOSED, ...view, ageMs: 0 } },
]
