import { describe, expect, it } from 'vitest'
import { publishAndWait } from '../support/api.ts'
import { expectProblem, useBench } from '../support/conformance.ts'
import { type Call, send } from '../support/http.ts'
import { TARGET_KINDS } from '../support/targets.ts'

const ROUTES = [
  { id: 'D01', key: 'visa', cell: 'visa', reason: 'dedicated' },
  { id: 'D02', key: 'acme', cell: 'tier1', reason: 'tier' },
  { id: 'D03', key: 'globex', cell: 'tier2', reason: 'tier' },
  { id: 'D04', key: 'initech', cell: 'tier3', reason: 'tier' },
  { id: 'D05', key: 'unknown-customer', cell: 'tier3', reason: 'default' },
  { id: 'D08', key: 'VISA', cell: 'tier3', reason: 'default' },
  { id: 'D09', key: '__proto__', cell: 'tier3', reason: 'default' },
  { id: 'D09', key: 'constructor', cell: 'tier3', reason: 'default' },
  { id: 'D09', key: 'toString', cell: 'tier3', reason: 'default' },
  { id: 'D09', key: 'hasOwnProperty', cell: 'tier3', reason: 'default' },
]

interface BadKey {
  readonly id: string
  readonly what: string
  readonly headers: NonNullable<Call['headers']>
}

const BAD_KEYS: BadKey[] = [
  { id: 'D07', what: 'an empty key', headers: { 'X-Routing-Key': '' } },
  { id: 'D10', what: 'a key sent twice', headers: { 'X-Routing-Key': ['visa', 'acme'] } },
  { id: 'D10', what: 'the same key sent twice', headers: { 'X-Routing-Key': ['visa', 'visa'] } },
  { id: 'D10', what: 'two keys in one line', headers: { 'X-Routing-Key': 'visa, acme' } },
  { id: 'D10', what: 'a key of 257 bytes', headers: { 'X-Routing-Key': 'k'.repeat(257) } },
  { id: 'D10', what: 'a tab inside the key', headers: { 'X-Routing-Key': 'vi\tsa' } },
]

describe.each(TARGET_KINDS)('routing by key, npm target %s', (kind) => {
  let revision = 0
  const bench = useBench(kind, async ({ target, fixture }) => {
    revision = (await publishAndWait(target, fixture.document)).revision
  })

  it.each(ROUTES)('$id D28 key $key → $cell, reason $reason', async ({ key, cell, reason }) => {
    const answer = await send(bench.target, { path: '/api/test', key })
    expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 200 })
    expect(answer.json()).toMatchObject({ cell, path: '/api/test', message: `Hello from ${cell}!` })
    expect(answer.headers).toMatchObject({
      'x-cell-name': cell,
      'x-routed-to': cell,
      'x-route-reason': reason,
      'x-config-revision': String(revision),
    })
  })

  it('D29 an answer without a failover has no X-Failover-Reason, even if the cell sends one', async () => {
    const { visa } = bench.fixture.cells
    visa.answer('/fails-over', (_, response) => {
      response.writeHead(200, { 'X-Failover-Reason': 'circuit_open' }).end('ok')
    })
    const plain = await send(bench.target, { path: '/api/test', key: 'visa' })
    expect(plain.headers).not.toHaveProperty('x-failover-reason')
    const forged = await send(bench.target, { path: '/fails-over', key: 'visa' })
    expect(forged.text).toBe('ok')
    expect(forged.headers).not.toHaveProperty('x-failover-reason')
  })

  it('D06 D30 a request without a key is refused and says which header is missing', async () => {
    const before = bench.fixture.countRequests()
    const answer = await send(bench.target, { path: '/api/test' })
    expectProblem(answer, {
      status: 400,
      code: 'missing_routing_key',
      detail: 'X-Routing-Key header is required',
      revision,
    })
    expect(bench.fixture.countRequests()).toBe(before)
  })

  it.each(BAD_KEYS)('$id D30 $what is refused and reaches no cell', async ({ headers }) => {
    const before = bench.fixture.countRequests()
    const answer = await send(bench.target, { path: '/api/test', headers })
    expectProblem(answer, { status: 400, code: 'invalid_routing_key', revision })
    expect(bench.fixture.countRequests()).toBe(before)
  })

  it('D10 a key of 256 bytes is a key like any other', async () => {
    const answer = await send(bench.target, { path: '/api/test', key: 'k'.repeat(256) })
    expect(answer.status).toBe(200)
    expect(answer.headers).toMatchObject({ 'x-routed-to': 'tier3', 'x-route-reason': 'default' })
  })

  it('D08 the bytes of a key are read as UTF-8 when they are valid', async () => {
    const document = bench.fixture.document
    document.routingTable['köln'] = 'tier2'
    revision = (await publishAndWait(bench.target, document)).revision
    const key = Buffer.from('köln').toString('latin1') // node:http writes header values as Latin-1.
    const answer = await send(bench.target, { path: '/api/test', key })
    expect(answer.headers).toMatchObject({ 'x-routed-to': 'tier2', 'x-route-reason': 'tier' })
  })
})
