import { describe, expect, test } from 'vitest'
import { aSmallDocument, codesOf, configOf, errorsOf } from '../../support/documents.ts'

const sourcesOf = (...routingKey: unknown[]) => configOf(aSmallDocument({ routingKey })).routingKey
const refusalOf = (...routingKey: unknown[]) => codesOf(aSmallDocument({ routingKey }))

describe('a source of the routing key', () => {
  test('is a header, a query parameter, a cookie, a host or a path, in the order of the document', () => {
    expect(
      sourcesOf(
        { header: 'X-Tenant' },
        { query: 'tenant id' },
        { cookie: '__Host-tenant' },
        { host: ':key.Example.com' },
        { path: '/t/:key/*' },
        { path: '/:key' },
        { path: '/a%20b/c;v=1/:key' },
      ),
    ).toEqual([
      { kind: 'header', name: 'X-Tenant' },
      { kind: 'query', name: 'tenant id' },
      { kind: 'cookie', name: '__Host-tenant' },
      { kind: 'host', pattern: ':key.Example.com', suffix: '.example.com' },
      { kind: 'path', pattern: '/t/:key/*', segments: ['t', null], rest: true },
      { kind: 'path', pattern: '/:key', segments: [null], rest: false },
      {
        kind: 'path',
        pattern: '/a%20b/c;v=1/:key',
        segments: ['a%20b', 'c;v=1', null],
        rest: false,
      },
    ])
  })

  test.each<[source: unknown, error: string]>([
    ['X-Tenant', ' wrong_type'],
    [['header'], ' wrong_type'],
    [{}, ' invalid_source'],
    [{ header: 'A', query: 'b' }, ' invalid_source'],
    [{ header: 5 }, '/header wrong_type'],
    [{ heder: 'A' }, '/heder unknown_field'],
    [{ header: '' }, '/header invalid_value'],
    [{ header: 'a b' }, '/header invalid_value'],
    [{ header: 'a:' }, '/header invalid_value'],
    [{ header: 'a'.repeat(129) }, '/header invalid_value'],
    [{ cookie: 'a=b' }, '/cookie invalid_value'],
    [{ query: '' }, '/query invalid_value'],
    [{ query: 'a'.repeat(129) }, '/query invalid_value'],
    [{ host: ':key' }, '/host invalid_value'],
    [{ host: 'key.example.com' }, '/host invalid_value'],
    [{ host: ':key.example.com:8080' }, '/host invalid_value'],
    [{ host: ':key..com' }, '/host invalid_value'],
    [{ host: ':key.-a.com' }, '/host invalid_value'],
    [{ host: ':key.a-.com' }, '/host invalid_value'],
    [{ host: ':key.*.com' }, '/host invalid_value'],
    [{ path: '' }, '/path invalid_value'],
    [{ path: 't/:key' }, '/path invalid_value'],
    [{ path: '/t' }, '/path invalid_value'],
    [{ path: '/:key/:key' }, '/path invalid_value'],
    [{ path: '/t/:key/' }, '/path invalid_value'],
    [{ path: '//:key' }, '/path invalid_value'],
    [{ path: '/*/:key' }, '/path invalid_value'],
    [{ path: '/*' }, '/path invalid_value'],
    [{ path: '/../:key' }, '/path invalid_value'],
    [{ path: '/%2E%2e/:key' }, '/path invalid_value'],
    [{ path: '/:tenant/:key' }, '/path invalid_value'],
    [{ path: '/a%2/:key' }, '/path invalid_value'],
    [{ path: '/a?b/:key' }, '/path invalid_value'],
    [{ path: '/é/:key' }, '/path invalid_value'],
    [{ claim: 'tid' }, '/claim not_available'],
  ])('is refused: %j', (source, error) => {
    expect(refusalOf(source)).toEqual([`/routingKey/0${error}`])
  })

  test('may not be listed twice', () => {
    expect(
      refusalOf({ header: 'X-Tenant' }, { cookie: 'x-tenant' }, { header: 'x-tenant' }),
    ).toEqual(['/routingKey/2 duplicate_source'])
    expect(sourcesOf({ query: 'a' }, { query: 'A' })).toHaveLength(2)
  })

  test('is one of one to eight', () => {
    expect(refusalOf()).toEqual(['/routingKey out_of_range'])
    expect(refusalOf(...Array.from({ length: 9 }, (_, i) => ({ header: `h${i}` })))).toEqual([
      '/routingKey out_of_range',
    ])
    expect(codesOf(aSmallDocument({ routingKey: { header: 'a' } }))).toEqual([
      '/routingKey wrong_type',
    ])
    expect(errorsOf(aSmallDocument({ routingKey: [] }))[0]?.message).toBe(
      'must have 1 to 8 elements',
    )
  })
})
