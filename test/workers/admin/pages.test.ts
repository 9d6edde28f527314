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

describe('the pages for operators', () => {
  it('/health is 200 whatever is published or set (D96)', async () => {
    const response = await ask('/health', { token: null, env: { ADMIN_TOKEN: undefined } })
    expect([response.status, await readJson(response)]).toEqual([200, { status: 'ok' }])
  })

  it('/ready is 503 until there is a snapshot (D96)', async () => {
    const cold = await ask('/ready', { token: null })
    expect([cold.status, (await readJson(cold))['code']]).toEqual([503, 'no_configuration'])
    await mustPublish(printDocument())
    expect((await ask('/ready', { token: null })).status).toBe(200)
  })

  it('/debug/config tells version, revision, source and age (D74)', async () => {
    expect((await ask('/debug/config', { token: null })).status).toBe(503)
    await mustPublish(printDocument())
    const response = await ask('/debug/config', { token: null })
    const body = await readJson(response)
    expect(body).toMatchObject({ version: 'demo', revision: 1, source: 'coordinator' })
    expect(new Date(String(body['last_reload_at'])).toISOString()).toBe(body['last_reload_at'])
    expect(body['age_ms']).toBeGreaterThanOrEqual(0)
    expect(response.headers.get('x-config-revision')).toBe('1')
  })

  it.each(['/ready', '/debug/config', '/admin/explain?key=acme'])(
    '%s alone brings an isolate without traffic up to date',
    async (path) => {
      await mustPublish(printDocument())
      expect((await ask(path)).headers.get('x-config-revision')).toBe('1')
      await mustPublish(printDocument({ label: 'other' }))
      expect((await ask(path)).headers.get('x-config-revision')).toBe('2')
    },
  )
})

describe('what is not a page', () => {
  it.each([
    ['POST', '/health', 'GET, HEAD'],
    ['DELETE', '/admin/config', 'GET, HEAD, POST'],
    ['OPTIONS', '/admin/config', 'GET, HEAD, POST'],
    ['GET', '/admin/config/rollback', 'POST'],
    ['PUT', '/debug/config', 'GET, HEAD'],
  ])('%s %s answers 405 with Allow: %s', async (method, path, allow) => {
    const response = await ask(path, { method })
    expect([response.status, response.headers.get('allow')]).toEqual([405, allow])
    expect(response.headers.get('proxy-status')).toBe('cellway; error=http_request_error')
  })

  it('answers 404, below /admin only to those who may look', async () => {
    for (const path of ['/admin', '/admin/', '/admin/nothing', '/admin/config/']) {
      expect((await ask(path, { token: null })).status).toBe(401)
      expect((await ask(path)).status).toBe(404)
    }
    expect((await ask('/elsewhere', { token: null })).status).toBe(404)
  })

  it('hides what went wrong in a bug of ours', async () => {
    const log = captureLog()
    const broken = startAdmin({
      ready: async () => {
        throw new Error('a secret')
      },
    })
    const response = await broken.ask('/ready')
    expect(response.status).toBe(500)
    expect(await response.text()).not.toContain('secret')
    const line = { event: 'internal_error', request_id: 'a-request' }
    expect(log).toContainEqual(expect.objectContaining(line))
  })
})
