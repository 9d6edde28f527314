import { randomBytes } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import { publishAndWait } from '../support/api.ts'
import { useBench } from '../support/conformance.ts'
import { hashBody, listValues, send } from '../support/http.ts'
import { answerWith } from '../support/origin.ts'
import { TARGET_KINDS } from '../support/targets.ts'

const REQUEST_ID = /^[0-9a-f]{32}$/
/** What only the router may say about itself. */
const FORGED = {
  'X-Routed-To': 'evil',
  'X-Route-Reason': 'evil',
  'X-Failover-Reason': 'evil',
  'X-Circuit-State': 'evil',
  'X-Config-Revision': 'evil',
}

describe.each(TARGET_KINDS)('requests on their way to the cell, npm target %s', (kind) => {
  let revision = 0
  const bench = useBench(kind, async ({ target, fixture }) => {
    const document = fixture.document
    Object.assign(document.placements['tier2'] ?? {}, { url: `${fixture.cells.tier2.url}/base` })
    revision = (await publishAndWait(target, document)).revision
  })
  const visa = () => bench.fixture.cells.visa

  it('D11 path and query arrive byte for byte', async () => {
    const answer = await send(bench.target, { path: '/a/b?x=1&y=%20z', key: 'visa' })
    expect(answer.json()).toMatchObject({ path: '/a/b', query: 'x=1&y=%20z' })
  })

  it('D12 a body of 1 MiB arrives with the same bytes', async () => {
    const body = randomBytes(1_048_576)
    const answer = await send(bench.target, { method: 'POST', path: '/upload', key: 'visa', body })
    expect(answer.json()).toMatchObject({
      method: 'POST',
      bodyBytes: body.length,
      sha256: hashBody(body),
    })
    expect(visa().last('/upload').headers['content-length']).toBe('1048576')
  })

  it.each(['PUT', 'PATCH', 'DELETE', 'OPTIONS'])('D13 the method %s is kept', async (method) => {
    const body = method === 'OPTIONS' ? undefined : `body of ${method}`
    const call = { method, path: '/method', key: 'visa', ...(body !== undefined && { body }) }
    const answer = await send(bench.target, call)
    expect(answer.json()).toMatchObject({ method, sha256: hashBody(body ?? '') })
  })

  it('D13 HEAD is kept, and its answer has the length of the body but no body', async () => {
    visa().answer('/head', answerWith(200, { 'Content-Length': '42' }, ''))
    const answer = await send(bench.target, { method: 'HEAD', path: '/head', key: 'visa' })
    expect(visa().last('/head').method).toBe('HEAD')
    expect({ status: answer.status, bytes: answer.body.length }).toEqual({ status: 200, bytes: 0 })
    expect(answer.headers).toMatchObject({ 'content-length': '42', 'x-routed-to': 'visa' })
  })

  it('D14 a request without an id gets one of 32 hex digits, the same both ways', async () => {
    const answer = await send(bench.target, { path: '/id', key: 'visa' })
    expect(answer.headers['x-request-id']).toMatch(REQUEST_ID)
    expect(visa().last('/id').headers['x-request-id']).toBe(answer.headers['x-request-id'])
    const again = await send(bench.target, { path: '/id', key: 'visa' })
    expect(again.headers['x-request-id']).not.toBe(answer.headers['x-request-id'])
  })

  it('D15 the id that a client sends is kept, both ways', async () => {
    const headers = { 'X-Request-Id': 'abc' }
    const answer = await send(bench.target, { path: '/id', key: 'visa', headers })
    expect(visa().last('/id').headers['x-request-id']).toBe('abc')
    expect(answer.headers['x-request-id']).toBe('abc')
  })

  it('D16 the address of the client is appended to X-Forwarded-For', async () => {
    const headers = { 'X-Forwarded-For': '1.1.1.1' }
    await send(bench.target, { path: '/for', key: 'visa', headers })
    expect(visa().last('/for').headers['x-forwarded-for']).toBe('1.1.1.1, 127.0.0.1')
    await send(bench.target, { path: '/for', key: 'visa' })
    expect(visa().last('/for').headers['x-forwarded-for']).toBe('127.0.0.1')
  })

  it('D17 scheme and host of the request, and the router itself, are told to the cell', async () => {
    const headers = { 'X-Forwarded-Proto': 'gopher', Host: 'shop.example.com' }
    await send(bench.target, { path: '/proto', key: 'visa', headers })
    expect(visa().last('/proto').headers).toMatchObject({
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'shop.example.com',
      via: '1.1 cellway',
      host: `127.0.0.1:${visa().port}`,
    })
  })

  it('D25 headers that only the router may send do not reach the cell from a client', async () => {
    const answer = await send(bench.target, { path: '/forged', key: 'visa', headers: FORGED })
    expect(JSON.stringify(visa().last('/forged').rawHeaders)).not.toContain('evil')
    expect(answer.headers).toMatchObject({ 'x-routed-to': 'visa', 'x-route-reason': 'dedicated' })
  })

  it('D26 the base path of an endpoint is kept in front of the path', async () => {
    const { tier2 } = bench.fixture.cells
    const answer = await send(bench.target, { path: '/x?q=1', key: 'globex' })
    expect(answer.json()).toMatchObject({ cell: 'tier2', path: '/base/x', query: 'q=1' })
    await send(bench.target, { path: '/', key: 'globex' })
    expect(tier2.requests.at(-1)?.url).toBe('/base/')
  })

  describe('answers on their way to the client', () => {
    beforeAll(() => {
      visa().answer('/cookies', answerWith(200, { 'Set-Cookie': ['a=1; Path=/', 'b=2; Path=/'] }))
      visa().answer('/forging', answerWith(200, { ...FORGED, 'X-Request-Id': 'evil' }, 'fine'))
    })

    it.each([301, 302, 303, 307, 308])(
      'D18 a redirect %i is passed on, not followed',
      async (status) => {
        visa().answer('/redirects', answerWith(status, { Location: '/x' }))
        const before = visa().count('/x')
        const answer = await send(bench.target, { path: '/redirects', key: 'visa' })
        expect(answer.status).toBe(status)
        expect(answer.headers).toMatchObject({ location: '/x', 'x-routed-to': 'visa' })
        expect(visa().count('/x')).toBe(before)
      },
    )

    it('D19 two Set-Cookie lines arrive as two', async () => {
      const answer = await send(bench.target, { path: '/cookies', key: 'visa' })
      expect(listValues(answer.rawHeaders, 'set-cookie')).toEqual(['a=1; Path=/', 'b=2; Path=/'])
    })

    it.each([404, 409, 418, 500, 503])('D20 D21 a %i of the cell is passed on', async (status) => {
      const body = `the cell says ${status}`
      visa().answer('/errors', answerWith(status, { 'Content-Type': 'text/plain' }, body))
      const answer = await send(bench.target, { path: '/errors', key: 'visa' })
      expect({ status: answer.status, text: answer.text }).toEqual({ status, text: body })
      expect(answer.headers).toMatchObject({ 'x-routed-to': 'visa', 'content-type': 'text/plain' })
      expect(answer.headers).not.toHaveProperty('proxy-status')
    })

    it('D25 the copies of them that a cell sends are overwritten or dropped', async () => {
      const answer = await send(bench.target, { path: '/forging', key: 'visa' })
      expect(answer.text).toBe('fine')
      expect(JSON.stringify(answer.rawHeaders)).not.toContain('evil')
      expect(listValues(answer.rawHeaders, 'x-routed-to')).toEqual(['visa'])
      expect(listValues(answer.rawHeaders, 'x-route-reason')).toEqual(['dedicated'])
      expect(listValues(answer.rawHeaders, 'x-config-revision')).toEqual([String(revision)])
      expect(answer.headers['x-request-id']).toMatch(REQUEST_ID)
    })
  })
})
