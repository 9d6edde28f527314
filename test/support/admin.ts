import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { openSnapshot } from '../../shared/config/snapshot.ts'
import { createAdminApp } from '../../workers/admin/app.ts'
import type { AdminWiring, Held } from '../../workers/admin/call.ts'
import { coordinator, must } from './coordinator.ts'

export const TOKEN = 'a-token-for-tests-of-32-characters'
export const READ_TOKEN = 'a-read-token-for-tests-32-characters'

export interface Ask {
  readonly method?: string
  readonly token?: string | null
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: BodyInit
  /** Changes to the environment for this request. */
  readonly env?: Readonly<Record<string, unknown>>
}

/** An admin app on the real coordinator, with a snapshot cache that is loaded on demand. */
export function startAdmin(changes: Partial<AdminWiring> = {}) {
  let held: Held | undefined
  const published: number[] = []
  const app = createAdminApp({
    coordinator,
    held: () => held,
    ready: async () => {
      const reply = await coordinator().refresh({ revision: 0, viewsVersion: 0 })
      if (reply.snapshot === undefined) return false
      const bytes = await new Response(reply.snapshot.body).bytes()
      held = { snapshot: must(openSnapshot(bytes)), source: 'coordinator', loadedAt: Date.now() }
      return true
    },
    afterPublish: () => {
      published.push(Date.now())
    },
    breaker: (bindings, placement) => bindings.BREAKER.getByName(placement),
    afterOverride: () => {},
    standing: () => ({ circuitState: 'closed', availability: 'available', isOpenLocally: false }),
    clientAddress: (request) => request.headers.get('test-client') ?? '192.0.2.1',
    ...changes,
  })
  const ask = async (path: string, options: Ask = {}): Promise<Response> => {
    const { method = 'GET', token = TOKEN, headers = {}, body = null } = options
    const authorization = token === null ? {} : { authorization: `Bearer ${token}` }
    const request = new Request(`https://router.test${path}`, {
      method,
      headers: { 'x-request-id': 'a-request', ...authorization, ...headers },
      body,
    })
    const ctx = createExecutionContext()
    const bindings = options.env === undefined ? env : { ...env, ...options.env }
    const response = await app.fetch(request, bindings, ctx)
    await waitOnExecutionContext(ctx)
    return response
  }
  return { ask, published }
}

export const readJson = async (response: Response): Promise<Record<string, unknown>> =>
  response.json()
