import { describe, expect, test } from 'vitest'
import { publishAndWait } from '../support/api.ts'
import { printRequest } from '../support/raw.ts'
import {
  expectNothingUpstream,
  expectRefusal,
  HOST,
  KEY,
  makeRequestId,
  PLAIN,
  useRawBench,
} from '../support/raw-bench.ts'
import { latin1, namesOf, onlyValueOf, statusOf, valuesOf } from '../support/raw-messages.ts'

const bench = useRawBench()

/** The only request that the cell has seen. */
const received = () => {
  expect(bench.upstream.messages.map((message) => message.state)).toEqual(['complete'])
  return bench.upstream.messages[0]
}

/** What the router itself adds to every request. */
const ADDED = [
  'host',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-request-id',
]

describe('D24 H01 H02 hop-by-hop fields of a request', () => {
  const fields = {
    Connection: 'keep-alive',
    'Keep-Alive': 'timeout=5',
    TE: 'trailers',
    Trailer: 'X-T',
    Upgrade: 'h2c',
    'Proxy-Authorization': 'Basic x',
    'Proxy-Authenticate': 'Basic',
    'Proxy-Connection': 'keep-alive',
    'Proxy-Anything': '1',
    Expect: '100-continue',
  }
  test.each(Object.entries(fields))('D24 H02 %s does not reach the cell', async (name, value) => {
    expect(statusOf(await bench.get('/x', [`${name}: ${value}`]))).toBe(200)
    expect(namesOf(received()).sort()).toEqual([...ADDED, 'x-routing-key'].sort())
  })

  test('D24 H02 all of them at once do not reach the cell', async () => {
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`)
    expect(statusOf(await bench.get('/x', lines))).toBe(200)
    expect(namesOf(received()).sort()).toEqual([...ADDED, 'x-routing-key'].sort())
  })

  test('H01 a field that Connection names ends here, in whatever case it is named', async () => {
    const lines = ['Connection: close, X-Secret,x-other', 'X-SECRET: 1', 'X-Other: 2', 'X-Kept: 3']
    expect(statusOf(await bench.get('/x', lines))).toBe(200)
    expect(namesOf(received()).sort()).toEqual([...ADDED, 'x-kept', 'x-routing-key'].sort())
  })

  test('H01 a field that a second Connection line names ends here too', async () => {
    const lines = ['Connection: keep-alive', 'Connection: X-Secret', 'X-Secret: 1']
    expect(statusOf(await bench.get('/x', lines))).toBe(200)
    expect(namesOf(received())).not.toContain('x-secret')
  })
})

describe('H03 Connection cannot remove what is end-to-end', () => {
  const NAMED =
    'Connection: close, X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, X-Routed-To, X-Tenant, X-Request-Id, Via, Content-Length, Content-Type, Host, Authorization, Cookie, X-Routing-Key'

  test('H03 what the client sent and what the router adds arrive', async () => {
    const lines = [
      ...PLAIN,
      NAMED,
      'X-Forwarded-For: 192.0.2.1',
      'X-Tenant: t1',
      'X-Request-Id: abc',
      'Via: 1.1 before',
      'Content-Type: text/plain',
      'Content-Length: 5',
      'Authorization: Basic eA==',
      'Cookie: a=1; b=2',
    ]
    const answer = await bench.ask(`${printRequest('/x', lines, 'POST')}hello`)
    expect(statusOf(answer)).toBe(200)
    const request = received()
    const arrived = Object.fromEntries(
      namesOf(request).map((name) => [name, onlyValueOf(request, name)]),
    )
    expect(arrived).toEqual({
      host: bench.upstream.host,
      'x-forwarded-for': '192.0.2.1, 127.0.0.1',
      'x-forwarded-host': 'client.test',
      'x-forwarded-proto': 'http',
      'x-routing-key': 'cell',
      'x-tenant': 't1',
      'x-request-id': 'abc',
      via: '1.1 before, 1.1 cellway',
      'content-type': 'text/plain',
      'content-length': '5',
      authorization: 'Basic eA==',
      cookie: 'a=1; b=2',
    })
    expect(request?.body.toString()).toBe('hello')
    expect(onlyValueOf(answer, 'x-routed-to')).toBe('cell')
  })
})

describe('H07 names that are reserved to the router', () => {
  test.each([
    'X-Routed-To',
    'X-Route-Reason',
    'X-Failover-Reason',
    'X-Circuit-State',
    'X-Config-Revision',
    'X-Placement',
    'X-Placement-Key',
    'X-Router-Version',
    'X-Internal-Token',
    'X-Edge-Verified',
    'CF-Connecting-IP',
    'CF-Worker',
    'X-Real-IP',
    'True-Client-IP',
  ])('H07 %s of a client is dropped and decides nothing', async (name) => {
    const answer = await bench.get('/x', [`${name}: evil`])
    expect(statusOf(answer)).toBe(200)
    expect(onlyValueOf(answer, 'x-routed-to')).toBe('cell')
    expect(received()?.bytes.toString()).not.toContain('evil')
    expect(namesOf(received()).sort()).toEqual([...ADDED, 'x-routing-key'].sort())
  })
})

describe('H08 the routing key', () => {
  test.each([
    ['two lines', [KEY, 'X-Routing-Key: slotted']],
    ['the same line twice', [KEY, KEY]],
    ['a list', ['X-Routing-Key: cell, slotted']],
  ])('H08 %s: 400, nothing upstream', async (_, lines) => {
    expectRefusal(await bench.ask(printRequest('/x', [HOST, ...lines])), 400, 'invalid_routing_key')
    await expectNothingUpstream(bench)
  })

  test('H08 blanks around it are no part of it', async () => {
    const lines = [HOST, 'X-Routing-Key: \t slotted \t ']
    const answer = await bench.ask(printRequest('/x', lines))
    expect(onlyValueOf(answer, 'x-routed-to')).toBe('slotted')
  })
})

describe('H10 Authorization twice', () => {
  test('H10 on /admin: 401, although one of the two is the token', async () => {
    const own = `Authorization: Bearer ${bench.target.token}`
    for (const lines of [
      [own, 'Authorization: Bearer other'],
      ['Authorization: Bearer other', own],
      [own, own],
    ]) {
      const answer = await bench.ask(printRequest('/admin/config', [HOST, ...lines]))
      expectRefusal(answer, 401, 'unauthorized')
    }
    expect(bench.upstream.messages).toEqual([])
  })

  // The cell is the one that authenticates. Like Envoy: one line, both values, which no scheme accepts.
  test('H10 on a tenant path: the cell gets one line with both, and can refuse it', async () => {
    const lines = ['Authorization: Bearer a', 'Authorization: Bearer b']
    expect(statusOf(await bench.get('/x', lines))).toBe(200)
    expect(valuesOf(received(), 'authorization')).toEqual(['Bearer a, Bearer b'])
  })
})

describe('H16 hosts', () => {
  test.each([
    ['client.test', 'client.test'],
    ['A.Test.', 'a.test'],
    ['A.TEST.:8080', 'a.test:8080'],
  ])('H16 of %s the cell sees its own Host and X-Forwarded-Host %s', async (host, canonical) => {
    const lines = [`Host: ${host}`, KEY, 'X-Forwarded-Host: evil.test']
    expect(statusOf(await bench.ask(printRequest('/x', lines)))).toBe(200)
    expect(valuesOf(received(), 'host')).toEqual([bench.upstream.host])
    expect(valuesOf(received(), 'x-forwarded-host')).toEqual([canonical])
  })
})

describe('values', () => {
  test('blanks around a value end here, and Latin-1 bytes inside it arrive as they are', async () => {
    const lines = [...PLAIN, 'X-A:  b c \t ', 'X-B: \xe9\xff', 'X-Empty:']
    expect(statusOf(await bench.ask(latin1(printRequest('/x', lines))))).toBe(200)
    expect(onlyValueOf(received(), 'x-a')).toBe('b c')
    expect(onlyValueOf(received(), 'x-b')).toBe('\xe9\xff')
    expect(onlyValueOf(received(), 'x-empty')).toBe('')
  })

  test('a request id that could harm a log line is replaced', async () => {
    const id = `${makeRequestId()} "x"`
    expect(statusOf(await bench.get('/x', [`X-Request-Id: ${id}`]))).toBe(200)
    expect(onlyValueOf(received(), 'x-request-id')).toMatch(/^[0-9a-f]{32}$/)
  })
})

describe('H05 the address of the client', () => {
  test.each([
    ['nothing', [], '127.0.0.1'],
    ['1.2.3.4', ['X-Forwarded-For: 1.2.3.4'], '1.2.3.4, 127.0.0.1'],
    [
      'two lines',
      ['X-Forwarded-For: 1.2.3.4', 'X-Forwarded-For: 5.6.7.8'],
      '1.2.3.4, 5.6.7.8, 127.0.0.1',
    ],
    ['the peer itself', ['X-Forwarded-For: 1.2.3.4, 127.0.0.1'], '1.2.3.4, 127.0.0.1'],
  ])('H05 after %s is the last element', async (_, lines, expected) => {
    expect(statusOf(await bench.get('/x', lines))).toBe(200)
    expect(valuesOf(received(), 'x-forwarded-for')).toEqual([expected])
  })

  test('H05 with trustForwarded: false it is the only one, and nothing forwarded survives', async () => {
    await publishAndWait(bench.target, {
      schema: 1,
      trustForwarded: false,
      routingTable: {},
      defaultPlacement: 'cell',
      placements: { cell: { endpoints: [bench.upstream.url] } },
    })
    const lines = [
      'X-Forwarded-For: 1.2.3.4',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Port: 443',
      'Forwarded: for=1.2.3.4',
    ]
    expect(statusOf(await bench.get('/x', lines))).toBe(200)
    expect(onlyValueOf(received(), 'x-forwarded-for')).toBe('127.0.0.1')
    expect(onlyValueOf(received(), 'x-forwarded-proto')).toBe('http')
    expect(namesOf(received()).sort()).toEqual([...ADDED, 'x-routing-key'].sort())
  })
})
