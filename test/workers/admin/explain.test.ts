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

const explain = async (question: Record<string, unknown>) =>
  readJson(await ask('/admin/explain', { method: 'POST', body: JSON.stringify(question) }))

describe('explain', () => {
  it('says where a key goes and why, step by step (D99)', async () => {
    await mustPublish(printDocument())
    const body = await readJson(await ask('/admin/explain?key=acme'))
    expect(body).toMatchObject({
      revision: 1,
      routingKey: 'acme',
      source: 'query parameter key',
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
      'endpoint',
    ])
    expect(body).not.toHaveProperty('circuitState')
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
    ['an encoded slash', { url: '/a%2fb', headers: { 'x-routing-key': 'a' } }, 'invalid_path', 400],
    [
      'a loop',
      { url: '/x', headers: { via: '1.1 cellway, 1.1 cellway, 1.1 cellway' } },
      'loop_detected',
      508,
    ],
    ['TRACE', { url: '/x', method: 'trace' }, 'method_not_allowed', 405],
  ])('tells how %s would be refused', async (_name, question, code, status) => {
    await mustPublish(printDocument({ escapedSlashes: 'reject' }))
    const body = await explain(question)
    expect(body).toMatchObject({ placement: null, refusal: { code, status } })
  })

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
