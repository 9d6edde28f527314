import { createExecutionContext, reset, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import demo from '../../../examples/demo.json'
import worker from '../../../workers/index.ts'

/** The real bindings, with every call of one of their methods written down. */
function countCalls(bindings: Env): { counted: Env; calls: string[] } {
  const calls: string[] = []
  const watch = (binding: object, name: string): object =>
    new Proxy(binding, {
      get(target, member) {
        const value: unknown = Reflect.get(target, member, target)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => {
          calls.push(`${name}.${String(member)}`)
          return Reflect.apply(value, target, args)
        }
      },
    })
  const counted = new Proxy(bindings, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'object' && value !== null ? watch(value, String(name)) : value
    },
  })
  return { counted, calls }
}

async function send(bindings: Env, request: Request): Promise<Response> {
  const ctx = createExecutionContext()
  const response = await worker.fetch(request, bindings, ctx)
  await response.clone().arrayBuffer()
  await waitOnExecutionContext(ctx)
  return response
}

const routed = (key: string) =>
  new Request('http://a.test/orders?x=1', { headers: { 'x-routing-key': key } })

const publish = () =>
  send(
    env,
    new Request('http://a.test/admin/config', {
      method: 'POST',
      headers: { authorization: `Bearer ${env.ADMIN_TOKEN}` },
      body: JSON.stringify(demo),
    }),
  )

describe('a warm request', () => {
  beforeEach(async () => {
    await reset()
    expect((await publish()).status).toBe(201)
  })

  it.each([
    ['visa', 'CELL_VISA'],
    ['acme', 'CELL_TIER1'],
    ['nobody', 'CELL_TIER3'],
  ])('L07 F01 makes no binding call but to its upstream: %s', async (key, cell) => {
    const { counted, calls } = countCalls(env)
    const response = await send(counted, routed(key))
    expect(response.status).toBe(200)
    expect(calls).toEqual([`${cell}.fetch`])
  })

  it('D96 makes no binding call at all for /health', async () => {
    const { counted, calls } = countCalls(env)
    const response = await send(counted, new Request('http://a.test/health'))
    expect(await response.json()).toEqual({ status: 'ok' })
    expect(calls).toEqual([])
  })

  it('makes none when it is refused', async () => {
    const { counted, calls } = countCalls(env)
    expect((await send(counted, new Request('http://a.test/orders'))).status).toBe(400)
    expect(calls).toEqual([])
  })
})
