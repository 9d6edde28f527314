import { reset } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { printDocument } from '../../support/a-document.ts'
import { readJson, startAdmin } from '../../support/admin.ts'
import { captureLog, mustPublish } from '../../support/coordinator.ts'

let ask: ReturnType<typeof startAdmin>['ask']

beforeEach(async () => {
  await reset()
  captureLog()
  ;({ ask } = startAdmin())
})
afterEach(() => {
  vi.restoreAllMocks()
})

const KEY = { 'x-routing-key': 'a' }
const LOOP = { via: '1.1 cellway, 1.1 cellway, 1.1 cellway' }

const explain = async (question: Record<string, unknown>) =>
  readJson(await ask('/admin/explain', { method: 'POST', body: JSON.stringify(question) }))

describe('explain', () => {
  it('says where a key goes and why, step by step (D99)', async () => {
    await mustPublish(printDocument())
    const body = await readJson(await ask('/admin/explain?key=acme'))
    expect(body).toMatchObject({
      revision: 1,
      routingKey: 'acme',
      source: 'given',
      placement: 'tier1',
      reason: 'tier',
      endpoint: { index: 0, kind: 'url', base: 'https://tier1.example.com' },
      fallbacks: ['tier3'],
    })
    const steps = body['steps'] as { step: string }[]
    expect(steps.map(({ step }) => step)).toEqual([
      'configuration',
      'routing_key',
      'decision',
      'breaker',
      'fallback',
      'endpoint',
    ])
    expect(body['circuitState']).toBe('closed')
  })

  it('tells how the placement and those that may take its place stand in this isolate', async () => {
    await mustPublish(printDocument())
    const open = { circuitState: 'open', availability: 'unhealthy', isOpenLocally: true }
    const closed = { circuitState: 'closed', availability: 'available', isOpenLocally: false }
    const standing = vi.fn(({ name }: { name: string }) => (name === 'tier1' ? open : closed))
    const { ask: askThere } = startAdmin({ standing })
    const body = await readJson(await askThere('/admin/explain?key=acme'))
    expect(body).toMatchObject({ placement: 'tier1', circuitState: 'open' })
    expect(body['steps']).toEqual(
      expect.arrayContaining([
        {
          step: 'breaker',
          outcome: 'open',
          detail: 'unhealthy, its breaker open, and open in this isolate',
        },
        { step: 'fallback', outcome: 'tier3', detail: 'available, its breaker closed' },
      ]),
    )
  })

  it.each([
    ['visa', 'visa', 'dedicated'],
    ['VISA', 'tier3', 'default'],
    ['__proto__', 'tier3', 'default'],
  ])('sends %s to %s, reason %s (D01, D08, D09)', async (key, placement, reason) => {
    await mustPublish(printDocument())
    const body = await readJson(await ask(`/admin/explain?key=${key}`))
    expect([body['placement'], body['reason']]).toEqual([placement, reason])
  })

  it('reads a whole request as the router does', async () => {
    await mustPublish(
      printDocument({ routingKey: [{ path: '/t/:key/*' }, { header: 'X-Tenant' }] }),
    )
    const byPath = { url: 'https://shop.test/t/acme/x?y=1', headers: { 'X-Tenant': 'visa' } }
    expect(await explain(byPath)).toMatchObject({ routingKey: 'acme', source: 'path /t/:key/*' })
    expect(await explain({ url: '/x', headers: { 'x-tenant': 'visa' } })).toMatchObject({
      routingKey: 'visa',
      source: 'X-Tenant header',
      placement: 'visa',
    })
  })

  it.each([
    ['no key', { url: '/x' }, 'missing_routing_key', 400],
    [
      'two keys',
      { url: '/x', headers: { 'x-routing-key': ['a', 'b'] } },
      'invalid_routing_key',
      400,
    ],
    ['an odd path', { url: 'https://h.test/a/%2e%2e/b' }, 'invalid_path', 400],
    ['an encoded slash', { url: '/a%2fb', headers: KEY }, 'invalid_path', 400],
    ['an encoded slash without a key', { url: '/a%2fb' }, 'missing_routing_key', 400],
    ['a loop without a key', { url: '/x', headers: LOOP }, 'missing_routing_key', 400],
    [
      'an encoded slash in a loop',
      { url: '/a%2fb', headers: { ...KEY, ...LOOP } },
      'invalid_path',
      400,
    ],
    ['a loop', { url: '/x', headers: { ...KEY, ...LOOP } }, 'loop_detected', 508],
    ['TRACE', { url: '/x', method: 'trace' }, 'method_not_allowed', 405],
  ])('tells how %s would be refused', async (_name, question, code, status) => {
    await mustPublish(printDocument({ escapedSlashes: 'reject' }))
    const body = await explain(question)
    expect(body).toMatchObject({ placement: null, refusal: { code, status } })
  })

  it('tells what placement it is that would refuse', async () => {
    const { placements } = JSON.parse(printDocument())
    placements.tier1.maxRequestBodyBytes = 10
    await mustPublish(printDocument({ placements }))
    const headers = { 'x-routing-key': 'acme', 'content-length': '11' }
    expect(await explain({ method: 'POST', url: '/x', headers })).toMatchObject({
      placement: 'tier1',
      refusal: { code: 'body_too_large', status: 413 },
    })
  })

  it('says that there is no endpoint where this deployment lacks the binding', async () => {
    const { placements } = JSON.parse(printDocument())
    placements.tier1.endpoints = [{ service: 'CELL_TIER1' }]
    await mustPublish(printDocument({ placements }))
    const body = JSON.stringify({ url: '/x', headers: { 'x-routing-key': 'acme' } })
    const bound = await ask('/admin/explain', { method: 'POST', body })
    expect(await readJson(bound)).toMatchObject({ endpoint: { binding: 'CELL_TIER1' } })
    const env = { CELL_TIER1: undefined }
    const unbound = await ask('/admin/explain', { method: 'POST', body, env })
    expect(await readJson(unbound)).toMatchObject({
      placement: 'tier1',
      endpoint: null,
      refusal: { code: 'no_endpoint', status: 503 },
    })
  })

  it.each([
    ['/health', {}, '', true],
    ['/admin/config', {}, '', true],
    ['/admin/config', KEY, '', false],
    ['https://shop.test/admin/config', {}, 'admin.test', false],
    ['https://shop.test/ready', {}, 'admin.test', true],
    ['https://Admin.test/x', KEY, 'admin.test', true],
    ['/x', KEY, 'router.test', false],
  ])(
    'knows the own pages: %s with %o and the admin hosts "%s": %s',
    async (url, headers, ADMIN_HOSTS, isOwn) => {
      await mustPublish(printDocument())
      const body = JSON.stringify({ url, headers })
      const answer = await ask('/admin/explain', { method: 'POST', body, env: { ADMIN_HOSTS } })
      const { steps } = await readJson(answer)
      const own = expect.objectContaining({ step: 'own_page', outcome: 'own_page' })
      expect(steps).toEqual(
        isOwn ? expect.arrayContaining([own]) : expect.not.arrayContaining([own]),
      )
    },
  )

  it('explains by an old revision too', async () => {
    await mustPublish(printDocument())
    for (const label of ['b', 'c', 'd'])
      await mustPublish(printDocument({ label, routingTable: { acme: 'visa' } }))
    expect(await readJson(await ask('/admin/explain?key=acme'))).toMatchObject({
      placement: 'visa',
    })
    const old = await ask('/admin/explain?key=acme&revision=1')
    expect(await readJson(old)).toMatchObject({ revision: 1, placement: 'tier1' })
    const question = { url: '/x', headers: { 'x-routing-key': 'acme' }, revision: 1 }
    expect(await explain(question)).toMatchObject({ revision: 1, placement: 'tier1' })
    expect((await ask('/admin/explain?key=acme&revision=99')).status).toBe(404)
  })

  it.each([
    ['/admin/explain', undefined],
    ['/admin/explain?key=a&revision=x', undefined],
    ['/admin/explain', '{}'],
    ['/admin/explain', '{"url":"ftp://x"}'],
    ['/admin/explain', '{"url":"/x","headers":{"a b":"c"}}'],
    ['/admin/explain', '{"url":"/x","headers":{"a":7}}'],
    ['/admin/explain', '{"url":"/x","headers":[]}'],
    ['/admin/explain', '{"url":"/x","method":7}'],
    ['/admin/explain', '{"url":"/x","method":"GET /"}'],
    ['/admin/explain', '{"url":"https://h:99999/"}'],
    ['/admin/explain', '{"url":"https://a b/"}'],
    ['/admin/explain', '{"url":"/x","revision":"one"}'],
    ['/admin/explain', '[]'],
  ])('refuses %s %s with 400', async (path, body) => {
    await mustPublish(printDocument())
    const response = await ask(path, body === undefined ? {} : { method: 'POST', body })
    expect([response.status, (await readJson(response))['code']]).toEqual([400, 'invalid_request'])
  })

  it('answers 503 where there is no configuration', async () => {
    expect((await ask('/admin/explain?key=a')).status).toBe(503)
  })
})
