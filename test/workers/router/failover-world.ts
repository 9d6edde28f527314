import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { vi } from 'vitest'
import type { PlacementConfig } from '../../../shared/config/config.ts'
import { createRouterApp } from '../../../workers/router/app.ts'
import { type Breakers, createBreakers } from '../../../workers/router/breakers.ts'
import { createRouter } from '../../../workers/router/router.ts'
import type { Held } from '../../../workers/router/snapshots.ts'
import { aConfig, aPlacement } from '../../support/a-config.ts'
import { aSnapshot } from '../../support/a-snapshot.ts'

export const START = Date.UTC(2026, 10, 20)

/** A cell that does what it is told, and counts. */
class Cell {
  status = 200
  breaks = false
  /** By the clock that the test sets: how long an answer takes. */
  delayMs = 0
  readonly seen: Request[] = []
  readonly bodies: string[] = []

  async fetch(input: Request | string, init?: RequestInit): Promise<Response> {
    const request = new Request(input, init)
    this.seen.push(request)
    if (request.body !== null) this.bodies.push(await request.text())
    if (this.delayMs > 0) vi.setSystemTime(Date.now() + this.delayMs)
    if (this.breaks) throw new Error('the cell is gone')
    return new Response('from the cell', { status: this.status })
  }
}

export interface World {
  readonly breakers: Breakers
  readonly cells: Record<'A1' | 'A2' | 'A3' | 'B' | 'C', Cell>
  send(request?: RequestInit): Promise<Response>
}

/** A router without breaker objects: placement a with three endpoints, its fallback b, default c. */
export function startWorld(
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
  const breakers = createBreakers()
  const router = createRouter(cache, breakers, () => {
    throw new Error('a warm router asks no source')
  })
  const app = createRouterApp(router, {
    serve: () => new Response('own page'),
    isAdminCredential: async () => false,
  })
  const bindings = { ...env, ...cells, BREAKER: undefined }
  return {
    breakers,
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

/** Status, X-Routed-To, X-Failover-Reason and X-Circuit-State. */
export const told = ({ status, headers }: Response) => [
  status,
  headers.get('x-routed-to'),
  headers.get('x-failover-reason'),
  headers.get('x-circuit-state'),
]
