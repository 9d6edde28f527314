import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalizePath } from '../../../shared/routing/path.ts'

const read = (url: string) => {
  const result = canonicalizePath(url)
  return result.ok ? result.value : result.error.code
}
const pathOf = (path: string) => {
  const target = read(`http://a.test${path}`)
  return typeof target === 'string' ? target : target.path
}

describe('the canonical path', () => {
  it.each([
    ['', '/'],
    ['/', '/'],
    ['/a/b', '/a/b'],
    ['//evil.test/x', '//evil.test/x'],
    ['/a//b', '/a//b'],
    ['/a%2fb', '/a%2fb'],
    ['/a%2Fb', '/a%2Fb'],
    ['/.well-known/x', '/.well-known/x'],
    ['/a.b/c', '/a.b/c'],
    ['/a/../b', '/b'],
    ['/a/./b/', '/a/b/'],
    ['/../../x', '/x'],
    ['/a%2eb', '/a%2eb'],
    ['/a/%2econf', '/a/%2econf'],
    ['/%zz', '/%zz'],
    ['/a;x=1', '/a;x=1'],
    ['/a"b', '/a%22b'],
    ['/ä', '/%C3%A4'],
    ['/a|b[c]', '/a|b[c]'],
  ])('S14 of "%s" is "%s"', (given, canonical) => {
    expect(pathOf(given)).toBe(canonical)
  })

  it.each([
    '/public/%2e%2e/admin/x',
    '/public/%2E./admin',
    '/public/.%2e/admin',
    '/a/%2e/b',
    '/public\\..\\admin\\x',
    '/public/..\\admin/x',
    '/a%5cb',
    '/a%5Cb',
    '/a%00b',
    '/a\x01b',
    '/a\x7fb',
  ])('S11 S12 "%s" is refused', (path) => {
    expect(pathOf(path)).toBe('invalid_path')
  })

  it('leaves the fragment and takes the query as it came', () => {
    expect(read('http://a.test/x?a=1&b=%20z#/y?z')).toMatchObject({
      path: '/x',
      query: '?a=1&b=%20z',
    })
    expect(read('http://a.test/x#y?z')).toMatchObject({ path: '/x', query: '' })
    expect(read('http://a.test?q')).toMatchObject({ path: '/', query: '?q' })
  })

  it('refuses a control character in the query', () => {
    expect(read('http://a.test/x?a=\x01')).toBe('invalid_path')
  })

  it.each([
    ['http://A.Test/', 'a.test', 'a.test'],
    ['http://a.test.:8080/', 'a.test:8080', 'a.test'],
    ['http://a.test./', 'a.test', 'a.test'],
    ['http://[::1]:80/', '[::1]:80', '[::1]'],
    ['https://[::1]/', '[::1]', '[::1]'],
  ])('H16 the authority of %s is %s', (url, authority, host) => {
    expect(read(url)).toMatchObject({ authority, host, scheme: url.slice(0, url.indexOf(':')) })
  })

  it('S14 is what the URL standard would send, and canonical itself', () => {
    const piece = fc.constantFrom(
      '/',
      '.',
      '..',
      '%2e',
      '%2f',
      '%',
      'a',
      'Z',
      '~',
      '"',
      '<',
      '^',
      '|',
      ';',
      'é',
      ' ',
      '{',
      '`',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const raw = `/${pieces.join('')}`
        const canonical = pathOf(raw)
        if (canonical === 'invalid_path') return
        expect(new URL(`http://a.test${canonical}`).pathname).toBe(canonical)
        expect(pathOf(canonical)).toBe(canonical)
      }),
      { numRuns: 5_000 },
    )
  })
})
