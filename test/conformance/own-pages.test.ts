import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { getDebugConfig, publishAndWait } from '../support/api.ts'
import { expectProblem, useBench } from '../support/conformance.ts'
import { hashBody, send } from '../support/http.ts'
import { TARGET_KINDS } from '../support/targets.ts'

describe.each(TARGET_KINDS)('before anything is published by hand, npm target %s', (kind) => {
  const bench = useBench(kind, undefined, {})

  it('D89 a cell behind a service binding gets path, query, headers and body', async () => {
    const body = randomBytes(100_000)
    const headers = { 'X-Own': 'kept', 'X-Request-Id': 'bound-1', 'X-Routed-To': 'evil' }
    const call = { method: 'POST', path: '/a/b?x=%20y', key: 'visa', body, headers }
    const answer = await send(bench.target, call)
    expect(answer.status).toBe(200)
    expect(answer.headers).toMatchObject({ 'x-cell-name': 'visa', 'x-routed-to': 'visa' })
    expect(answer.json()).toMatchObject({
      cell: 'visa',
      method: 'POST',
      path: '/a/b',
      query: 'x=%20y',
      headers: { 'x-own': 'kept', 'x-request-id': 'bound-1', 'x-forwarded-for': '127.0.0.1' },
      body: { bytes: body.length, sha256: hashBody(body) },
    })
    expect(answer.text).not.toContain('evil')
  })

  it('D89 the demo configuration is served as revision 1', async () => {
    const answer = await send(bench.target, { path: '/hello', key: 'acme' })
    expect(answer.json()).toMatchObject({ cell: 'tier1' })
    const served = await getDebugConfig(bench.target)
    expect(answer.headers['x-config-revision']).toBe(String(served.revision))
    expect(served.revision).toBe(1)
  })

  it('D96 /health and /ready answer without any cell, before and after a publish', async () => {
    const { target, fixture } = bench
    await publishAndWait(target, fixture.document)
    const before = fixture.countRequests()
    const health = await send(target, { path: '/health' })
    expect({ status: health.status, body: health.json() }).toEqual({
      status: 200,
      body: { status: 'ok' },
    })
    const ready = await send(target, { path: '/ready' })
    expect(ready.status).toBe(200)
    expect(fixture.countRequests()).toBe(before)
  })

  it('D96 with a routing key the same paths belong to the tenant', async () => {
    for (const path of ['/health', '/ready', '/debug/config', '/admin/config', '/metrics']) {
      const answer = await send(bench.target, { path, key: 'visa' })
      expect(answer.json()).toMatchObject({ cell: 'visa', path })
    }
  })

  it.each(['/health', '/ready', '/debug/config'])(
    'D96 D30 POST %s is not allowed',
    async (path) => {
      const answer = await send(bench.target, { method: 'POST', path, body: 'x' })
      expectProblem(answer, { status: 405, code: 'method_not_allowed' })
      expect(answer.headers.allow).toMatch(/\bGET\b/)
    },
  )
})
