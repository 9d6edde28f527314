import { describe, expect, it } from 'vitest'
import { publishAndWait } from '../support/api.ts'
import { type Bench, useBench } from '../support/conformance.ts'
import { pollUntil, send } from '../support/http.ts'
import { TARGET_KINDS } from '../support/targets.ts'

describe.each(TARGET_KINDS)('the access log, npm target %s', (kind) => {
  let revision = 0
  const bench = useBench(kind, async ({ target, fixture }) => {
    revision = (await publishAndWait(target, fixture.document)).revision
  })

  it('D28 a request is one line with all fields, without query, cookie or token', async () => {
    const headers = {
      'X-Request-Id': 'log-1',
      Cookie: 'session=secret-cookie',
      Authorization: `Bearer ${bench.target.token}`,
    }
    const path = '/a%20b/c?card=secret-query'
    await send(bench.target, { method: 'POST', path, key: 'acme', headers, body: 'secret-body' })
    const line = await readOnlyLine(bench, 'log-1')
    expect(line).toEqual({
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      event: 'request',
      request_id: 'log-1',
      method: 'POST',
      path: '/a%20b/c',
      routing_key: 'acme',
      placement_key: 'tier1',
      route_reason: 'tier',
      failover_reason: null,
      circuit_state: expect.stringMatching(/^(?:closed|unknown)$/),
      config_revision: revision,
      endpoint: 0,
      attempts: 1,
      status_code: 200,
      duration_ms: expect.any(Number),
      upstream_ms: expect.any(Number),
      colo: kind === 'start' ? expect.any(String) : null,
    })
    expect(bench.target.output()).not.toContain('secret-')
    // `npm start` itself prints the development token among the first things to try.
    const logged = bench.target
      .output()
      .split('\n')
      .filter((text) => text.includes('"event"'))
    expect(logged.join('\n')).not.toContain(bench.target.token)
  })

  it('D30 a refused request is one line too, without a placement', async () => {
    const answer = await send(bench.target, { path: '/nobody?card=secret-query' })
    expect(answer.status).toBe(400)
    const line = await readOnlyLine(bench, String(answer.headers['x-request-id']))
    expect(line).toMatchObject({
      event: 'request',
      method: 'GET',
      path: '/nobody',
      routing_key: null,
      placement_key: null,
      route_reason: null,
      endpoint: null,
      attempts: 0,
      upstream_ms: null,
      status_code: 400,
    })
    expect(bench.target.output()).not.toContain('secret-')
  })
})

/** The line of that request, after a later request has been logged: so a second one would be there. */
async function readOnlyLine({ target }: Bench, requestId: string): Promise<unknown> {
  const marker = `after-${requestId}`
  await send(target, { path: '/marker', key: 'visa', headers: { 'X-Request-Id': marker } })
  await pollUntil(
    async () => findLines(target.output(), marker).length,
    (count) => count === 1,
  )
  const lines = findLines(target.output(), requestId)
  expect(lines).toHaveLength(1)
  return lines[0]
}

/** Log lines of one request; `npm start` puts the name of the Worker in front of them. */
function findLines(output: string, requestId: string): Record<string, unknown>[] {
  return output
    .split('\n')
    .filter((line) => line.includes(`"request_id":"${requestId}"`))
    .map((line) => JSON.parse(line.slice(line.indexOf('{'))))
}
