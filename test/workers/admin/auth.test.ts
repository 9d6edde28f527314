import { reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { isAdminCredential } from '../../../workers/admin/auth.ts'
import { ROUTES } from '../../../workers/admin/routes.ts'
import { printDocument } from '../../support/a-document.ts'
import { type Ask, READ_TOKEN, readJson, startAdmin, TOKEN } from '../../support/admin.ts'
import { api, captureLog } from '../../support/coordinator.ts'

let ask: ReturnType<typeof startAdmin>['ask']

beforeEach(async () => {
  await reset()
  captureLog()
  ;({ ask } = startAdmin())
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const production = { ENVIRONMENT: 'production' }
const guarded = ROUTES.filter(({ access }) => access !== 'open')
const pages = guarded.map(({ method, path, access }) => ({
  method,
  access,
  path: path.replace(':revision', '1').replace(':placement', 'tier1'),
}))
const bodyOf = (method: string): Ask => (method === 'POST' ? { method, body: '{}' } : { method })

const wrong: readonly (readonly [string, string | null])[] = [
  ['no token', null],
  ['a wrong token', 'x'.repeat(TOKEN.length)],
  ['a token of another length', 'x'],
  ['a token with one more character', `${TOKEN}x`],
  ['a token that lacks its last character', TOKEN.slice(0, -1)],
]

describe('every guarded page', () => {
  it('is in the table', () => {
    expect(pages.length).toBeGreaterThanOrEqual(9)
  })

  it.each(pages.flatMap((page) => wrong.map(([name, token]) => ({ ...page, name, token }))))(
    '$method $path refuses $name with the same 401 (D71, A01)',
    async ({ method, path, token }) => {
      const response = await ask(path, { ...bodyOf(method), token, env: production })
      expect(response.status).toBe(401)
      expect(response.headers.get('www-authenticate')).toBe('Bearer')
      expect(await readJson(response)).toEqual({
        type: '/problems/unauthorized',
        title: 'Unauthorized',
        status: 401,
        detail: 'Unauthorized',
        instance: response.headers.get('x-request-id'),
        code: 'unauthorized',
      })
    },
  )

  it.each(pages)('$method $path is shut while no token is set', async ({ method, path }) => {
    for (const ADMIN_TOKEN of [undefined, '', 'x'.repeat(31)]) {
      const token = ADMIN_TOKEN === undefined || ADMIN_TOKEN === '' ? TOKEN : ADMIN_TOKEN
      const options = { ...bodyOf(method), token, env: { ...production, ADMIN_TOKEN } }
      const response = await ask(path, options)
      expect([response.status, (await readJson(response))['code']]).toEqual([503, 'admin_disabled'])
    }
  })

  it.each(pages.filter(({ access }) => access === 'write'))(
    '$method $path refuses the read token with 403, and changes nothing (A02)',
    async ({ method, path }) => {
      await ask('/admin/config', { method: 'POST', body: printDocument() })
      const body = path.endsWith('config') ? printDocument({ label: 'x' }) : '{"revision":1}'
      const response = await ask(path, { method, body, token: READ_TOKEN })
      expect([response.status, (await readJson(response))['code']]).toEqual([403, 'forbidden'])
      expect((await api().document()).ok).toBe(true)
      expect((await api().document(2)).ok).toBe(false)
    },
  )

  it.each(pages.filter(({ access }) => access !== 'write'))(
    '$method $path is open to the read token',
    async ({ method, path }) => {
      await ask('/admin/config', { method: 'POST', body: printDocument() })
      const query = { '/admin/config/diff': '?from=1&to=1', '/admin/explain': '?key=acme' }
      const url = path + (Object.entries(query).find(([name]) => name === path)?.[1] ?? '')
      expect((await ask(url, { method, token: READ_TOKEN, env: production })).status).toBe(200)
    },
  )
})

describe('the token', () => {
  it.each([
    ['bearer', `bearer ${TOKEN}`, 404],
    ['BEARER', `BEARER ${TOKEN}`, 404],
    ['trailing blanks', `Bearer ${TOKEN}  `, 404],
    ['two blanks', `Bearer  ${TOKEN}`, 401],
    ['two tokens', `Bearer ${TOKEN} ${TOKEN}`, 401],
    ['two lines', `Bearer ${TOKEN}, Bearer ${TOKEN}`, 401],
    ['no token', 'Bearer', 401],
    ['Basic', `Basic ${btoa(`admin:${TOKEN}`)}`, 401],
    ['no scheme', TOKEN, 401],
    ['a quoted one', `Bearer "${TOKEN}"`, 401],
  ])('as %s is answered as it must be (A13)', async (_name, authorization, status) => {
    const response = await ask('/admin/config', { token: null, headers: { authorization } })
    expect(response.status).toBe(status)
  })

  it('may be shorter in local development, but not shorter than 16', async () => {
    const local = (ADMIN_TOKEN: string) =>
      ask('/admin/config', { token: ADMIN_TOKEN, env: { ENVIRONMENT: 'local', ADMIN_TOKEN } })
    expect((await local('local-development-token')).status).toBe(404)
    expect((await local('x'.repeat(15))).status).toBe(503)
  })

  it('for reading is no token when it is too short', async () => {
    const env = { ...production, ADMIN_READ_TOKEN: 'short' }
    expect((await ask('/admin/config', { token: 'short', env })).status).toBe(401)
  })

  it('is recognised where it must not be forwarded', async () => {
    const carries = (authorization: string | null) =>
      isAdminCredential(
        new Request('https://router.test/admin', {
          headers: authorization === null ? {} : { authorization },
        }),
        env,
      )
    expect(await carries(`Bearer ${TOKEN}`)).toBe(true)
    expect(await carries(`bearer ${READ_TOKEN}`)).toBe(true)
    expect(await carries(`Bearer  ${TOKEN}`)).toBe(true)
    expect(await carries(`Bearer other, Bearer ${TOKEN}`)).toBe(true)
    expect(await carries(`Bearer ${TOKEN}x`)).toBe(false)
    expect(await carries('Bearer ')).toBe(false)
    expect(await carries(null)).toBe(false)
  })
})

describe('guessing', () => {
  const guess = (client: string, token = 'x'.repeat(34)) =>
    ask('/admin/config', { token, headers: { 'test-client': client } })

  it('is cut off after 20 wrong tokens of a source, for a minute (A14)', async () => {
    const start = Date.now()
    vi.useFakeTimers({ toFake: ['Date'], now: start })
    for (let i = 0; i < 20; i++) expect((await guess('a')).status).toBe(401)
    const cut = await guess('a')
    expect([cut.status, (await readJson(cut))['code']]).toEqual([429, 'too_many_failures'])
    expect(cut.headers.get('retry-after')).toBe('60')
    expect((await guess('b')).status).toBe(401)
    vi.setSystemTime(start + 60_000)
    expect((await guess('a')).status).toBe(401)
  })

  it('is cut off over all sources (A14)', async () => {
    for (let i = 0; i < 200; i++) expect((await guess(`client-${i}`)).status).toBe(401)
    expect((await guess('another')).status).toBe(429)
  })

  it('by strangers never locks out whoever has a token, behind the same proxy too (A14)', async () => {
    for (let i = 0; i < 20; i++) await guess('proxy')
    expect((await guess('proxy')).status).toBe(429)
    expect((await guess('proxy', TOKEN)).status).toBe(404)
    expect((await guess('proxy', READ_TOKEN)).status).toBe(404)
  })

  it('is not what a request without a token does', async () => {
    for (let i = 0; i < 30; i++) await ask('/admin/config', { token: null })
    expect((await ask('/admin/config')).status).toBe(404)
  })
})
