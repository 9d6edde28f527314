import { describe, expect, test } from 'vitest'
import { printRequest } from '../support/raw.ts'
import {
  expectNothingUpstream,
  expectParserRefusal,
  expectRefusal,
  HOST,
  KEY,
  makeRequestId,
  PLAIN,
  useRawBench,
} from '../support/raw-bench.ts'
import { onlyValueOf, statusOf, targetOf, valuesOf } from '../support/raw-messages.ts'
import { answerWith } from '../support/raw-upstream.ts'

const bench = useRawBench()

describe('S08 who is asked', () => {
  test.each([
    ['two Host lines', ['Host: a', 'Host: b']],
    ['user info', ['Host: a@b']],
    ['a path and a query', ['Host: a/b?c']],
    ['a fragment', ['Host: a#b']],
    ['a blank', ['Host: a b']],
    ['a port beyond 65535', ['Host: a:99999']],
    ['a port that is no number', ['Host: a:http']],
    ['four numbers that are no address', ['Host: 1.2.3.999']],
    ['brackets around no address', ['Host: [:::::]']],
  ])('S08 %s in Host: 400, nothing upstream', async (_, lines) => {
    expectRefusal(await bench.ask(printRequest('/x', [...lines, KEY])), 400, 'invalid_request')
    await expectNothingUpstream(bench)
  })

  test('S08 a backslash in Host, which begins a path to some: 400, nothing upstream', async () => {
    expectRefusal(await bench.ask(printRequest('/x', ['Host: a\\b', KEY])), 400, 'invalid_path')
    await expectNothingUpstream(bench)
  })

  test.each([
    ['no Host', []],
    ['an empty Host', ['Host: ']],
  ])('S08 %s: 400, nothing upstream', async (_, lines) => {
    expectParserRefusal(await bench.ask(printRequest('/x', [...lines, KEY])), 400, 'Bad Request')
    await expectNothingUpstream(bench)
  })

  test.each([
    ['a name with a port', 'a-b.test:8080'],
    ['an underscore', 'a_b.test'],
    ['an IPv4 address', '192.0.2.1:80'],
    ['an IPv6 address', '[2001:db8::1]:80'],
  ])('S08 %s in Host is served', async (_, host) => {
    expect(statusOf(await bench.ask(printRequest('/x', [`Host: ${host}`, KEY])))).toBe(200)
    expect(onlyValueOf(bench.upstream.messages[0], 'x-forwarded-host')).toBe(host)
  })

  test('S08 CONNECT: 500 by the platform, nothing upstream', async () => {
    const answer = await bench.ask(printRequest('b.test:80', PLAIN, 'CONNECT'))
    expectParserRefusal(answer, 500, 'Internal Server Error')
    await expectNothingUpstream(bench)
  })

  test('S08 OPTIONS *: 400, nothing upstream', async () => {
    expectRefusal(await bench.ask(printRequest('*', PLAIN, 'OPTIONS')), 400, 'invalid_request')
    await expectNothingUpstream(bench)
  })

  // The platform drops the authority of an absolute form before our code runs and goes by Host.
  test('S08 an absolute form is served as its path, on the host that Host names', async () => {
    expect(statusOf(await bench.ask(printRequest('http://other.test/x?y=1', PLAIN)))).toBe(200)
    const [request] = bench.upstream.messages
    expect(request?.startLine).toBe('GET /x?y=1 HTTP/1.1')
    expect(onlyValueOf(request, 'x-forwarded-host')).toBe('client.test')
  })
})

test('S08 a target without its slash is served as the root', async () => {
  expect(statusOf(await bench.get('noslash'))).toBe(200)
  expect(targetOf(bench.upstream.messages[0])).toBe('/')
})

describe('S09 methods', () => {
  test('S09 TRACE: 405 with Allow, never forwarded', async () => {
    const answer = await bench.ask(printRequest('/x', [...PLAIN, 'X-Secret: 1'], 'TRACE'))
    expectRefusal(answer, 405, 'method_not_allowed')
    expect(onlyValueOf(answer, 'allow')).toBe('GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS')
    await expectNothingUpstream(bench)
  })

  test.each(['FROB', 'get', 'G\xe9T'])(
    'S09 the unknown method %s is refused by the platform',
    async (method) => {
      const answer = await bench.ask(Buffer.from(printRequest('/x', PLAIN, method), 'latin1'))
      expect(statusOf(answer)).toBe(method === 'G\xe9T' ? 400 : 501)
      await expectNothingUpstream(bench)
    },
  )
})

const SNEAKY = [
  '/public/%2e%2e/admin/config',
  '/public/%2E%2e/admin/config',
  '/public/.%2e/admin/config',
  '/public/%2e./admin/config',
  '/public/%2e/../../admin/config',
  '/%2e%2e/admin/config',
]
const BACKSLASHES = [
  '/public\\..\\admin\\config',
  '/public/..\\admin/config',
  '/public\\../admin/config',
  '\\admin\\config',
  '/public/..%5cadmin/config',
  '/public/%2e%2e%5Cadmin/config',
]

describe.each([
  ['S11 encoded dot segments', SNEAKY],
  ['S12 backslashes', BACKSLASHES.filter((path) => path.startsWith('/'))],
])('%s on the way to /admin', (title, paths) => {
  test.each(paths)(`${title.slice(0, 3)} %s of a tenant: 400, nothing upstream`, async (path) => {
    expectRefusal(await bench.get(path), 400, 'invalid_path')
    await expectNothingUpstream(bench)
  })

  test.each(paths)(
    `${title.slice(0, 3)} %s without a key: 400 even with the token`,
    async (path) => {
      const lines = [HOST, `Authorization: Bearer ${bench.target.token}`]
      expectRefusal(await bench.ask(printRequest(path, lines)), 400, 'invalid_path')
      await expectNothingUpstream(bench)
    },
  )
})

describe('S11 S12 what the admin paths are', () => {
  test('S11 literal dot segments without a key lead to /admin and need its token', async () => {
    const answer = await bench.ask(printRequest('/public/../admin/config', [HOST]))
    expectRefusal(answer, 401, 'unauthorized')
    await expectNothingUpstream(bench)
  })

  test('S11 literal dot segments of a tenant are resolved before anything looks at them', async () => {
    const id = makeRequestId()
    const answer = await bench.get('/public/../admin/./x', [`X-Request-Id: ${id}`])
    expect(statusOf(answer)).toBe(200)
    expect(targetOf(bench.upstream.messages[0])).toBe('/admin/x')
    expect((await bench.logLine(id))['path']).toBe('/admin/x')
  })

  test('S12 a target that begins with a backslash is refused by the platform', async () => {
    const answer = await bench.get('\\admin\\config')
    expectParserRefusal(answer, 400, 'invalid URI')
    await expectNothingUpstream(bench)
  })

  test.each([
    '/Admin/config',
    '/%61dmin/config',
    '//admin/config',
    '/admin%2fconfig',
    '/admin;/config',
  ])('S11 %s without a key is no page of the router, and asks for a key', async (path) => {
    const lines = [HOST, `Authorization: Bearer ${bench.target.token}`]
    expectRefusal(await bench.ask(printRequest(path, lines)), 400, 'missing_routing_key')
  })
})

describe('S15 targets that look like another host', () => {
  test('S15 //evil.test/x stays a path, and the cell decides where it redirects', async () => {
    bench.upstream.behave(
      answerWith('HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n'),
    )
    const answer = await bench.get('//evil.test/x')
    expect([statusOf(answer), valuesOf(answer, 'location')]).toEqual([302, ['/x']])
    const [request] = bench.upstream.messages
    expect(targetOf(request)).toBe('//evil.test/x')
    expect(onlyValueOf(request, 'host')).toBe(bench.upstream.host)
  })

  test.each(['//evil.test/x', '//evil.test/../admin', '///evil.test//'])(
    'S15 %s without a key is answered without a Location',
    async (path) => {
      const answer = await bench.ask(printRequest(path, [HOST]))
      expectRefusal(answer, 400, 'missing_routing_key')
      expect(valuesOf(answer, 'location')).toEqual([])
    },
  )
})

describe('long targets', () => {
  test('60 KB pass byte for byte', async () => {
    const path = `/${'a'.repeat(60_000)}`
    expect(statusOf(await bench.get(path))).toBe(200)
    expect(targetOf(bench.upstream.messages[0])).toBe(path)
  })

  test('70 KB: 414 by the platform, nothing upstream', async () => {
    expectParserRefusal(await bench.get(`/${'a'.repeat(70_000)}`), 414, 'URI too long')
    await expectNothingUpstream(bench)
  })
})
