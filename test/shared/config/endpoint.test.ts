import { describe, expect, test } from 'vitest'
import { accepted, codesOf, configOf, errorsOf, withPlacement } from '../../support/documents.ts'

const endpointOf = (endpoint: unknown) =>
  configOf(withPlacement({ endpoints: [endpoint] })).placements.get('tier1')?.endpoints[0]
const refusalOf = (endpoint: unknown) =>
  codesOf(withPlacement({ endpoints: [endpoint] })).map((error) =>
    error.replace('/placements/tier1/endpoints/0', ''),
  )

describe('a URL endpoint', () => {
  test.each([
    ['https://tier1.example.com', 'https://tier1.example.com'],
    ['https://tier1.example.com/', 'https://tier1.example.com'],
    ['https://tier1.example.com/base/', 'https://tier1.example.com/base'],
    ['HTTP://Tier1.Example.com:8080/Base//x//', 'http://tier1.example.com:8080/Base//x'],
    ['https://example.com:443/a%2fb', 'https://example.com/a%2fb'],
    ['http://1.1.1.1', 'http://1.1.1.1'],
    ['http://[2606:4700::1111]:8080/', 'http://[2606:4700::1111]:8080'],
    ['https://bücher.example', 'https://xn--bcher-kva.example'],
  ])('%s is kept as origin and base path %s', (url, base) => {
    expect(endpointOf(url)).toEqual({ kind: 'url', base, weight: 1 })
    expect(endpointOf({ url, weight: 7 })).toEqual({ kind: 'url', base, weight: 7 })
  })

  test.each([
    '',
    'foo',
    '/base',
    '//host/path',
    '://invalid-url',
    'ftp://x',
    'file:///etc/passwd',
    'data:,x',
    'javascript:alert(1)',
    'ws://x',
    'http:',
    'http:/x',
    'http:///x',
    'https:x.example',
    'https://',
    'http://?x',
    ' https://x.example',
    'https://x.example ',
    'https://x .example',
    'https://x\n.example',
    'https:\\\\x.example',
    'https://x.example\\base',
    'https://x.example/?q=1',
    'https://x.example/#top',
    'https://x.example?',
    'http://a:99999',
    'http://256.256.256.256',
    'http://[::1',
    'http://x%00y.example',
    `https://x.example/${'a'.repeat(2_048)}`,
  ])('%j is an invalid URL (D66)', (url) => {
    expect(refusalOf(url)).toEqual([' invalid_url'])
    expect(errorsOf(withPlacement({ endpoints: [{ url }] }))[0]?.message).toContain('invalid URL')
  })

  test.each([
    'https://user@x.example',
    'https://user:secret@x.example/',
    'http://@x.example',
    'https://a:b@127.0.0.1',
    'ftp://u@x',
  ])('%s has user info, which is not repeated in the message (T05)', (url) => {
    expect(errorsOf(withPlacement({ endpoints: [url] }))).toEqual([
      {
        pointer: '/placements/tier1/endpoints/0',
        code: 'url_user_info',
        message: 'invalid URL: user info is not allowed',
      },
    ])
  })

  test.each([
    'http://127.0.0.1',
    'http://0.0.0.0',
    'http://[::1]',
    'http://[::ffff:127.0.0.1]',
    'http://2130706433',
    'http://0x7f.1',
    'http://017700000001',
    'http://169.254.169.254/latest',
    'http://localhost.',
    'http://127.0.0.1.nip.io',
  ])('%s is refused unless private endpoints are allowed (T05)', (url) => {
    const document = withPlacement({ endpoints: [url] })
    expect(refusalOf(url)).toEqual([' private_address'])
    expect(accepted(document, { allowPrivateEndpoints: true }).config.placements.size).toBe(1)
  })

  test('is refused on the port of another protocol, unless private endpoints are allowed (T05)', () => {
    const document = withPlacement({ endpoints: ['http://mail.example:25'] })
    expect(codesOf(document)).toEqual(['/placements/tier1/endpoints/0 blocked_port'])
    expect(accepted(document, { allowPrivateEndpoints: true }).config.placements.size).toBe(1)
    expect(
      codesOf(withPlacement({ endpoints: ['http://user@mail.example:25'] }), {
        allowPrivateEndpoints: true,
      }),
    ).toEqual(['/placements/tier1/endpoints/0 url_user_info'])
  })
})

describe('an endpoint that is a binding', () => {
  test('keeps its name and its weight', () => {
    expect(endpointOf({ service: 'CELL_VISA' })).toEqual({
      kind: 'service',
      binding: 'CELL_VISA',
      weight: 1,
    })
    expect(endpointOf({ dispatch: 'CELLS', script: 'cell-{key}', weight: 0 })).toEqual({
      kind: 'dispatch',
      binding: 'CELLS',
      script: 'cell-{key}',
      weight: 0,
    })
  })

  test('is suggested the name that exists', () => {
    expect(errorsOf(withPlacement({ endpoints: [{ service: 'CELL_VIZA' }] }))).toEqual([
      {
        pointer: '/placements/tier1/endpoints/0/service',
        code: 'unknown_binding',
        message: 'unknown binding "CELL_VIZA" (did you mean "CELL_VISA"?)',
      },
    ])
  })

  test('is told when there are none', () => {
    const document = withPlacement({ endpoints: [{ dispatch: 'X', script: 'a' }] })
    expect(errorsOf(document, { dispatchNamespaces: new Set() })[0]?.message).toBe(
      'unknown binding "X": this router has none',
    )
  })
})

describe('an endpoint', () => {
  test.each<[endpoint: unknown, errors: string[]]>([
    [5, [' wrong_type']],
    [null, [' wrong_type']],
    [['https://a.example'], [' wrong_type']],
    [{}, [' invalid_endpoint']],
    [{ weight: 1 }, [' invalid_endpoint']],
    [{ url: 'https://a.example', service: 'CELL_VISA' }, [' invalid_endpoint']],
    [{ service: 'CELL_VISA', script: 'x' }, ['/script invalid_endpoint']],
    [{ url: 'https://a.example', script: 'x' }, ['/script invalid_endpoint']],
    [{ url: 5 }, ['/url wrong_type']],
    [
      { url: 'ftp://x', weight: -1, wieght: 1 },
      ['/weight out_of_range', '/wieght unknown_field', '/url invalid_url'],
    ],
    [{ url: 'https://a.example', weight: 1_001 }, ['/weight out_of_range']],
    [{ url: 'https://a.example', weight: 0.5 }, ['/weight out_of_range']],
    [{ dispatch: 'CELLS' }, ['/script invalid_value']],
    [{ dispatch: 'CELLS', script: '{tenant}' }, ['/script invalid_value']],
    [{ dispatch: 'CELLS', script: '../x' }, ['/script invalid_value']],
    [{ dispatch: 'GONE', script: '' }, ['/dispatch unknown_binding', '/script invalid_value']],
    [{ dispatch: 'CELL_VISA', script: 'x' }, ['/dispatch unknown_binding']],
  ])('%j is refused', (endpoint, errors) => {
    expect(refusalOf(endpoint)).toEqual(errors)
  })
})
