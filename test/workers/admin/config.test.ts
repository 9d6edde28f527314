import { reset } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { printDocument } from '../../support/a-document.ts'
import { type Ask, readJson, startAdmin } from '../../support/admin.ts'
import { captureLog } from '../../support/coordinator.ts'

let ask: ReturnType<typeof startAdmin>['ask']
let published: number[]

beforeEach(async () => {
  await reset()
  captureLog()
  ;({ ask, published } = startAdmin())
})
afterEach(() => {
  vi.restoreAllMocks()
})

const other = printDocument({ label: 'other' })
const post = (body: BodyInit, options: Ask = {}, query = '') =>
  ask(`/admin/config${query}`, { method: 'POST', body, ...options })

describe('POST /admin/config', () => {
  it('answers 201 with the revision, its etag and where it is (D62, C01)', async () => {
    const response = await post(printDocument(), {
      headers: { 'x-author': 'alice (ops)\u0009<b>' },
    })
    const body = await readJson(response)
    expect(response.status).toBe(201)
    expect(response.headers.get('etag')).toBe(body['etag'])
    expect(response.headers.get('location')).toBe('/admin/config/revisions/1')
    expect(response.headers.get('x-config-revision')).toBe('1')
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get('proxy-status')).toBe('cellway')
    expect(response.headers.get('x-request-id')).toBe('a-request')
    expect(body).toMatchObject({ revision: 1, label: 'demo', author: 'admin (alice opsb)' })
    expect(published).toHaveLength(1)
  })

  it('answers 200 for the current content, and 200 for a dry run that stores nothing (D72, C14)', async () => {
    await post(printDocument())
    const same = await post(printDocument())
    expect([same.status, (await readJson(same))['revision']]).toEqual([200, 1])
    const dry = await post(other, {}, '?dryRun=true')
    expect(dry.status).toBe(200)
    expect(await readJson(dry)).toMatchObject({ dryRun: true, revision: 2 })
    expect(await (await ask('/admin/config')).text()).toBe(printDocument())
    expect(published).toHaveLength(1)
  })

  it('refuses a stale If-Match with 412 and names the current revision (D73, C02)', async () => {
    const etag = (await post(printDocument())).headers.get('etag') ?? ''
    await post(other, { headers: { 'if-match': etag } })
    const stale = await post(printDocument({ label: 'late' }), { headers: { 'if-match': etag } })
    expect(stale.status).toBe(412)
    expect(await readJson(stale)).toMatchObject({
      code: 'stale_revision',
      current: { revision: 2, author: 'admin' },
    })
  })

  it('answers a repeated Idempotency-Key as at first, and 422 with another body (C04)', async () => {
    const headers = { 'idempotency-key': '6f1c' }
    const first = await post(printDocument(), { headers })
    const again = await post(printDocument(), { headers })
    expect([again.status, await readJson(again)]).toEqual([201, await readJson(first)])
    expect((await post(other, { headers })).status).toBe(422)
    expect((await post(other, { headers: { 'idempotency-key': 'a b' } })).status).toBe(400)
  })

  it('tells all errors of an invalid document, and changes nothing (D65, D70)', async () => {
    await post(printDocument())
    const text = printDocument({ defaultPlacement: 'nowhere', routingTable: { a: 'gone' } })
    const response = await post(text)
    expect(response.status).toBe(422)
    const { code, errors } = await readJson(response)
    expect(code).toBe('invalid_config')
    expect(errors).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ pointer: '/defaultPlacement' }),
        expect.objectContaining({ pointer: '/routingTable/a' }),
      ]),
    )
    expect((await ask('/admin/config')).headers.get('x-config-revision')).toBe('1')
  })

  it('answers 400 for what is not JSON or not UTF-8 (D69)', async () => {
    const broken = await post('{"schema": 1,')
    expect(broken.status).toBe(400)
    expect(await readJson(broken)).toMatchObject({ code: 'invalid_json', line: 1 })
    expect((await post('')).status).toBe(400)
  })

  it.each([
    ['Latin-1', [0x7b, 0x0a, 0x22, 0xe4, 0x22, 0x7d], 2, 2],
    ['a character that is cut off', [0x22, 0xef, 0xbf], 1, 2],
    ['a byte behind the sign for a replaced one', [0x22, 0xef, 0xbf, 0xbd, 0xff], 1, 3],
    ['a byte order mark, lines of other systems', [0xef, 0xbb, 0xbf, 13, 10, 13, 0xff], 3, 1],
  ])('points at the byte that is not UTF-8: %s (D69)', async (_name, bytes, line, column) => {
    const response = await post(Uint8Array.from(bytes))
    expect(response.status).toBe(400)
    expect(await readJson(response)).toMatchObject({ code: 'invalid_json', line, column })
  })

  it('answers invalid_request for an upload that broke off', async () => {
    const body = new ReadableStream({ pull: (controller) => controller.error(new Error('cut')) })
    const response = await post(body)
    expect([response.status, (await readJson(response))['code']]).toEqual([400, 'invalid_request'])
  })

  it('counts the body while it reads, and answers 413 past 8 MiB (C15)', async () => {
    let sentBytes = 0
    const endless = new ReadableStream({
      pull(controller) {
        sentBytes += 65_536
        controller.enqueue(new Uint8Array(65_536).fill(0x20))
      },
    })
    const response = await post(endless)
    expect([response.status, (await readJson(response))['code']]).toEqual([413, 'body_too_large'])
    expect(sentBytes).toBeLessThan(10 * 1024 * 1024)
  })

  it('believes a Content-Length over 8 MiB without reading on (C15)', async () => {
    let pulls = 0
    const body = new ReadableStream(
      {
        pull(controller) {
          pulls += 1
          controller.enqueue(new Uint8Array(1))
        },
      },
      { highWaterMark: 0 },
    )
    const response = await post(body, {
      headers: { 'content-length': String(8 * 1024 * 1024 + 1) },
    })
    expect([response.status, pulls]).toEqual([413, 0])
  })

  it('refuses a dryRun that is neither true nor false', async () => {
    expect((await post(printDocument(), {}, '?dryRun=1')).status).toBe(400)
    expect((await ask('/admin/config')).status).toBe(404)
  })
})

describe('GET /admin/config', () => {
  it('gives the document as published, with its etag (D83)', async () => {
    const text = JSON.stringify(JSON.parse(printDocument()), null, 4)
    const etag = (await post(text)).headers.get('etag') ?? ''
    const response = await ask('/admin/config')
    expect(await response.text()).toBe(text)
    expect(response.headers.get('etag')).toBe(etag)
    expect(response.headers.get('content-type')).toBe('application/json')
    const unchanged = await ask('/admin/config', { headers: { 'if-none-match': `W/${etag}` } })
    expect([unchanged.status, await unchanged.text()]).toEqual([304, ''])
    const changed = await ask('/admin/config', { headers: { 'if-none-match': '"0-0"' } })
    expect(changed.status).toBe(200)
  })

  it('answers 404 when nothing is published, and HEAD without a body', async () => {
    expect(await readJson(await ask('/admin/config'))).toMatchObject({ code: 'nothing_published' })
    await post(printDocument())
    const head = await ask('/admin/config', { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
    expect(head.headers.get('etag')).toMatch(/^"1-/)
  })
})

describe('the history', () => {
  it('is listed newest first in pages, one revision at a time, and compared (D75, D76)', async () => {
    await post(printDocument())
    await post(printDocument({ routingTable: { acme: 'visa' } }))
    const page = await readJson(await ask('/admin/config/revisions?limit=1'))
    expect(page).toMatchObject({ revisions: [{ revision: 2, parent: 1 }], next: '2' })
    const next = await readJson(await ask(`/admin/config/revisions?limit=1&cursor=${page['next']}`))
    expect(next).toMatchObject({ revisions: [{ revision: 1 }], next: null })
    const one = await ask('/admin/config/revisions/1')
    expect(await one.text()).toBe(printDocument())
    expect(one.headers.get('x-config-revision')).toBe('1')
    const changes = await readJson(await ask('/admin/config/diff?from=1&to=2'))
    expect(changes['routingTable']).toEqual({
      added: [],
      removed: [{ key: 'visa', from: 'visa' }],
      changed: [{ key: 'acme', from: 'tier1', to: 'visa' }],
    })
  })

  it.each([
    ['/admin/config/revisions?limit=0', 400],
    ['/admin/config/revisions?limit=1001', 400],
    ['/admin/config/revisions?limit=ten', 400],
    ['/admin/config/revisions?cursor=x', 400],
    ['/admin/config/diff?from=1', 400],
    ['/admin/config/diff?from=1&to=x', 400],
    ['/admin/config/diff?from=1&to=9', 404],
    ['/admin/config/revisions/9', 404],
    ['/admin/config/revisions/x', 404],
    ['/admin/config/revisions/1/more', 404],
  ])('refuses %s with %i', async (path, status) => {
    await post(printDocument())
    const response = await ask(path)
    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
  })
})

describe('POST /admin/config/rollback', () => {
  const rollBack = (body: string, options: Ask = {}, query = '') =>
    ask(`/admin/config/rollback${query}`, { method: 'POST', body, ...options })

  it('makes a new revision with the old content (D77, C11)', async () => {
    await post(printDocument())
    await post(other)
    expect((await rollBack('{"revision":1}', {}, '?dryRun=true')).status).toBe(200)
    const response = await rollBack('{"revision":1}')
    expect(response.status).toBe(201)
    expect(await readJson(response)).toMatchObject({ revision: 3, restoredFrom: 1 })
    expect(response.headers.get('location')).toBe('/admin/config/revisions/3')
    expect(published).toHaveLength(3)
  })

  it.each([
    ['{"revision":99999}', 404, 'revision_not_found'],
    ['{"revision":"1"}', 400, 'invalid_request'],
    ['{"revision":1.5}', 400, 'invalid_request'],
    ['{"revision":0}', 400, 'invalid_request'],
    ['{}', 400, 'invalid_request'],
    ['[1]', 400, 'invalid_request'],
    ['{"revision":', 400, 'invalid_json'],
  ])('refuses %s with %i (D78)', async (body, status, code) => {
    await post(printDocument())
    const response = await rollBack(body)
    expect([response.status, (await readJson(response))['code']]).toEqual([status, code])
  })

  it('points at what is not JSON', async () => {
    const body = await readJson(await rollBack('{"revision":\n x}'))
    expect(body).toMatchObject({ code: 'invalid_json', line: 2, column: 2 })
  })
})
