import { describe, expect, test } from 'vitest'
import {
  aBaseline,
  aSmallDocument,
  codesOf,
  errorsOf,
  refused,
  withPlacement,
} from '../../support/documents.ts'

const LONG_KEY = 'é'.repeat(128)

describe('a document that is refused', () => {
  test.each<[name: string, document: unknown, errors: string[]]>([
    ['is not an object', [], [' wrong_type']],
    ['is null', 'null', [' wrong_type']],
    ['has an unknown schema number', aSmallDocument({ schema: 2 }), ['/schema unknown_schema']],
    ['has a schema that is no number', aSmallDocument({ schema: '1' }), ['/schema unknown_schema']],
    ['has a null schema', aSmallDocument({ schema: null }), ['/schema unknown_schema']],
    [
      'has nothing in it',
      { schema: 1 },
      [
        '/defaultPlacement missing_field',
        '/routingTable missing_field',
        '/placements missing_field',
      ],
    ],
    [
      'has tables of the wrong type',
      aSmallDocument({ routingTable: [], placements: 'x' }),
      ['/routingTable wrong_type', '/placements wrong_type'],
    ],
    [
      'has settings of the wrong type',
      aSmallDocument({ label: 5, trustForwarded: 'yes', $schema: {}, defaultPlacement: null }),
      [
        '/$schema wrong_type',
        '/label wrong_type',
        '/defaultPlacement wrong_type',
        '/trustForwarded wrong_type',
      ],
    ],
    [
      'has a label that is too long',
      aSmallDocument({ label: 'a'.repeat(1_001) }),
      ['/label invalid_value'],
    ],
    [
      'has an unknown choice',
      aSmallDocument({ escapedSlashes: 'decode' }),
      ['/escapedSlashes invalid_value'],
    ],
    [
      'has no placement',
      aSmallDocument({ placements: {}, routingTable: {} }),
      ['/defaultPlacement unknown_placement', '/placements no_placement'],
    ],
    [
      'has an unknown default placement (D64)',
      aSmallDocument({ defaultPlacement: 'tier3' }),
      ['/defaultPlacement unknown_placement'],
    ],
    [
      'routes to an unknown placement (D65)',
      aSmallDocument({ routingTable: { a: 'x', 'b/c': 'y' } }),
      ['/routingTable/a unknown_placement', '/routingTable/b~1c unknown_placement'],
    ],
    [
      'routes to what is no name',
      aSmallDocument({ routingTable: { a: null, b: ['tier1'], c: { d: 1 } } }),
      ['/routingTable/a wrong_type', '/routingTable/b wrong_type', '/routingTable/c wrong_type'],
    ],
    [
      'has a key of more than 256 bytes',
      aSmallDocument({ routingTable: { [`${LONG_KEY}a`]: 'tier1' } }),
      [`/routingTable/${LONG_KEY}a key_too_long`],
    ],
    [
      'routes to Object.prototype members',
      aSmallDocument({ routingTable: { a: 'toString' }, defaultPlacement: 'hasOwnProperty' }),
      ['/defaultPlacement unknown_placement', '/routingTable/a unknown_placement'],
    ],
  ])('%s', (_name, document, errors) => {
    expect(codesOf(document)).toEqual(errors)
  })

  test('is told what was meant by an unknown field', () => {
    expect(
      errorsOf({ ...withPlacement({ falback: [], timeouts: { header: '1s' } }), rotingKey: [] }),
    ).toEqual([
      {
        pointer: '/rotingKey',
        code: 'unknown_field',
        message: 'unknown field "rotingKey" (did you mean "routingKey"?)',
      },
      {
        pointer: '/placements/tier1/timeouts/header',
        code: 'unknown_field',
        message: 'unknown field "header" (did you mean "headers"?)',
      },
      {
        pointer: '/placements/tier1/falback',
        code: 'unknown_field',
        message: 'unknown field "falback" (did you mean "fallback"?)',
      },
    ])
  })

  test('is told what was meant by an unknown placement (D65)', () => {
    expect(errorsOf(aSmallDocument({ routingTable: { acme: 'teir1' } }))).toEqual([
      {
        pointer: '/routingTable/acme',
        code: 'unknown_placement',
        message: 'routingTable["acme"] is the unknown placement "teir1" (did you mean "tier1"?)',
      },
    ])
  })

  test('gets all of its errors at once, each with a JSON pointer (D70)', () => {
    const document = {
      ...aSmallDocument({
        routingTable: { a: 'nope' },
        defaultPlacement: 'gone',
        routingKey: [{}],
      }),
      extra: 1,
      placements: {
        tier1: {
          endpoints: ['ftp://x', { service: 'NONE', weight: 1 }],
          fallback: ['tier1', 'nope'],
          concurrencyLimit: 0,
        },
        TIER1: { endpoints: [], circuitBreaker: { openFor: '10x', window: { failureRate: 2 } } },
      },
    }
    expect(codesOf(document)).toEqual([
      '/extra unknown_field',
      '/routingKey/0 invalid_source',
      '/defaultPlacement unknown_placement',
      '/placements/TIER1 name_collision',
      '/placements/tier1/concurrencyLimit out_of_range',
      '/placements/tier1/endpoints/0 invalid_url',
      '/placements/tier1/endpoints/1/service unknown_binding',
      '/placements/TIER1/endpoints out_of_range',
      '/placements/TIER1/circuitBreaker/openFor bad_duration',
      '/placements/TIER1/circuitBreaker/window/failureRate out_of_range',
      '/placements/tier1/fallback/0 fallback_to_itself',
      '/placements/tier1/fallback/1 unknown_placement',
      '/routingTable/a unknown_placement',
    ])
    expect(refused(document).detail).toBe('/extra: unknown field "extra" (and 12 more)')
  })

  test.each(['__proto__', 'constructor', 'prototype'])('has the key %s anywhere (C16)', (key) => {
    const text = `{"${key}": 1, "schema": 1, "defaultPlacement": "tier1",
      "routingTable": {"${key}": "tier1"},
      "placements": {"${key}": {}, "tier1": {"endpoints": [{"url": "https://a.example", "${key}": {}}], "${key}": 1}}}`
    expect(codesOf(text)).toEqual([
      `/${key} forbidden_key`,
      `/routingTable/${key} forbidden_key`,
      `/placements/${key} forbidden_key`,
      `/placements/tier1/endpoints/0/${key} forbidden_key`,
      `/placements/tier1/${key} forbidden_key`,
    ])
  })

  test('has a key twice, beside its other errors (C05)', () => {
    const text = JSON.stringify(aSmallDocument({ routingTable: { acme: 'x' } })).replace(
      '{"acme"',
      '{"acme":"tier1","acme"',
    )
    expect(codesOf(text)).toEqual([
      '/routingTable/acme duplicate_key',
      '/routingTable/acme unknown_placement',
    ])
  })

  test('lists a thousand errors and says that there are more', () => {
    const keys = Array.from({ length: 100_000 }, (_, i) => [`k${i}`, `wrong-${i}`])
    const errors = errorsOf(aSmallDocument({ routingTable: Object.fromEntries(keys) }))
    expect(errors).toHaveLength(1_001)
    expect(errors.at(-1)).toEqual({
      pointer: '',
      code: 'more',
      message: 'at least 99000 more are not listed',
    })
  })

  test('stays bounded when it has 200,000 wrong elements', () => {
    const many = (element: string) => `[${Array(200_000).fill(element).join()}]`
    const text = (list: string) =>
      `{"schema":1,"routingTable":{},"defaultPlacement":"a","routingKey":${list},"placements":{"a":{"endpoints":${list}}}}`
    expect(codesOf(text(many('1')))).toHaveLength(2 * 201)
    const unknown = Array.from({ length: 10_000 }, (_, i) => [`field-${i}`, i])
    expect(codesOf(withPlacement(Object.fromEntries(unknown)))).toHaveLength(199)
    const duplicates = `{${Array(100_000).fill('"a":1').join()}}`
    expect(errorsOf(duplicates).length).toBeLessThanOrEqual(1_001)
  })

  test('quotes at most 80 characters of what it was given', () => {
    const [error] = errorsOf(aSmallDocument({ defaultPlacement: 'x'.repeat(100_000) }))
    expect(error?.message).toBe(`defaultPlacement is the unknown placement "${'x'.repeat(80)}…"`)
  })

  test('is judged by its own format: fields of schema 1 without "schema" are not read (D63)', () => {
    const { schema: _, ...rest } = aSmallDocument()
    expect(codesOf(rest)).toEqual(['/version missing_version', '/placements/tier1/url invalid_url'])
    expect(errorsOf(rest)[0]?.message).toContain('"schema": 1 is the current one')
    expect(codesOf({ ...aBaseline(), schema: 1 })).toContain('/version unknown_field')
  })
})
