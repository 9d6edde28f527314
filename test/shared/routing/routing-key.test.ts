import { describe, expect, it } from 'vitest'
import type { KeySource } from '../../../shared/config/snapshot.ts'
import { canonicalizePath } from '../../../shared/routing/path.ts'
import {
  DEFAULT_KEY_SOURCES,
  describeMissingKey,
  describeSource,
  findRoutingKey,
} from '../../../shared/routing/routing-key.ts'

const query: KeySource = { kind: 'query', name: 'tenant' }
const cookie: KeySource = { kind: 'cookie', name: 'tenant' }
const host: KeySource = { kind: 'host', pattern: ':key.example.com', suffix: '.example.com' }
const path: KeySource = { kind: 'path', pattern: '/t/:key/*', segments: ['t', null], rest: true }
const exactPath: KeySource = { ...path, pattern: '/t/:key', rest: false }

function find(sources: readonly KeySource[], url: string, headers: Record<string, string> = {}) {
  const target = canonicalizePath(url)
  if (!target.ok) throw new Error('the URL of this test is refused')
  const found = findRoutingKey(sources, {
    headers: { get: (name) => headers[name] ?? null },
    target: target.value,
  })
  if (!found.ok) return found.error.code
  return found.value?.key ?? null
}
const findHeader = (value: string) =>
  find(DEFAULT_KEY_SOURCES, 'http://a.test/', { 'x-routing-key': value })

describe('a routing key from a header', () => {
  it.each([
    ['visa', 'visa'],
    ['VISA', 'VISA'],
    ['__proto__', '__proto__'],
    [' visa\t', 'visa'],
    ['a b', 'a b'],
    ['a\u00a0', 'a\u00a0'],
    ['\u3000a', '\u3000a'],
    ['x'.repeat(256), 'x'.repeat(256)],
  ])('D08 D09 is taken as it is: %j', (value, key) => {
    expect(findHeader(value)).toBe(key)
  })

  it.each([
    ['D07 empty', ''],
    ['D07 blank', '  '],
    ['D10 H08 given twice', 'a, b'],
    ['too long', 'x'.repeat(257)],
    ['too long in bytes', 'é'.repeat(129)],
    ['with a control character', 'a\x01b'],
    ['with a null byte', 'a\0b'],
  ])('%s is refused', (_name, value) => {
    expect(findHeader(value)).toBe('invalid_routing_key')
  })

  it('reads Latin-1 bytes as UTF-8 when they are valid UTF-8', () => {
    expect(findHeader('caf\u00c3\u00a9')).toBe('café')
    expect(findHeader('caf\u00e9')).toBe('café')
    expect(findHeader('日本')).toBe('日本')
  })

  it('D06 is absent when the header is', () => {
    expect(find(DEFAULT_KEY_SOURCES, 'http://a.test/')).toBeNull()
    expect(describeMissingKey(DEFAULT_KEY_SOURCES).detail).toBe('X-Routing-Key header is required')
  })
})

describe('a routing key from elsewhere', () => {
  it.each([
    [query, 'http://a.test/?x=1&tenant=acme%20inc', {}, 'acme inc'],
    [query, 'http://a.test/?x=1', {}, null],
    [query, 'http://a.test/', {}, null],
    [query, 'http://a.test/?tenant=a&tenant=b', {}, 'invalid_routing_key'],
    [query, 'http://a.test/?tenant=', {}, 'invalid_routing_key'],
    [cookie, 'http://a.test/', { cookie: 'a=b; tenant=acme; c=d' }, 'acme'],
    [cookie, 'http://a.test/', { cookie: 'tenant="acme"' }, 'acme'],
    [cookie, 'http://a.test/', { cookie: 'tenant=acme; tenant=acme' }, 'acme'],
    [cookie, 'http://a.test/', { cookie: 'tenant=acme; tenant=visa' }, 'invalid_routing_key'],
    [cookie, 'http://a.test/', { cookie: 'xtenant=acme; broken' }, null],
    [cookie, 'http://a.test/', {}, null],
    [host, 'http://Acme.Example.com:8080/', {}, 'acme'],
    [host, 'http://a.b.example.com/', {}, null],
    [host, 'http://example.com/', {}, null],
    [host, 'http://evilexample.com/', {}, null],
    [path, 'http://a.test/t/acme/orders', {}, 'acme'],
    [path, 'http://a.test/t/acme', {}, 'acme'],
    [path, 'http://a.test/t/a%2fb/x', {}, 'a/b'],
    [path, 'http://a.test/t/%252e/x', {}, '%2e'],
    [path, 'http://a.test/t/%ff/x', {}, 'invalid_routing_key'],
    [path, 'http://a.test/t//x', {}, 'invalid_routing_key'],
    [path, 'http://a.test/t', {}, null],
    [path, 'http://a.test/u/acme', {}, null],
    [exactPath, 'http://a.test/t/acme/orders', {}, null],
    [exactPath, 'http://a.test/t/acme', {}, 'acme'],
  ] as const)('%o of %s %o is %s', (source, url, headers, key) => {
    expect(find([source], url, headers)).toBe(key)
  })

  it('takes the first source that is present, also when it refuses what it finds', () => {
    const sources = [...DEFAULT_KEY_SOURCES, query, cookie]
    const headers = { cookie: 'tenant=c' }
    expect(find(sources, 'http://a.test/?tenant=q', headers)).toBe('q')
    expect(find(sources, 'http://a.test/', headers)).toBe('c')
    expect(find(sources, 'http://a.test/?tenant=q', { 'x-routing-key': '' })).toBe(
      'invalid_routing_key',
    )
  })

  it('names every source that could have given one', () => {
    const detail = describeMissingKey([
      { kind: 'header', name: 'x-tenant' },
      query,
      cookie,
      host,
      path,
    ]).detail
    expect(detail).toBe(
      'x-tenant header or query parameter tenant or cookie tenant or host :key.example.com or path /t/:key/* is required',
    )
    expect(describeSource(host)).toBe('host :key.example.com')
  })
})
