import { describe, expect, test } from 'vitest'
import {
  accepted,
  aSmallDocument,
  configOf,
  errorsOf,
  refused,
  withPlacement,
} from '../../support/documents.ts'

const LONG_KEY = 'é'.repeat(128)

describe('a document that is accepted', () => {
  test('gives a total config, with every default filled in', () => {
    const { config, warnings } = accepted(aSmallDocument())
    expect(config).toEqual({
      label: '',
      routingKey: [{ kind: 'header', name: 'X-Routing-Key' }],
      routingTable: new Map([['acme', 'tier1']]),
      defaultPlacement: 'tier1',
      escapedSlashes: 'keep',
      trustForwarded: true,
      placements: new Map([['tier1', config.placements.get('tier1')]]),
    })
    expect(warnings).toEqual([])
  })

  test('keeps what it sets', () => {
    const { config } = accepted(
      aSmallDocument({
        $schema: 'https://example.com/config.schema.json',
        label: 'Größe',
        routingKey: [{ query: 'tenant' }, { header: 'X-Tenant' }],
        escapedSlashes: 'reject',
        trustForwarded: false,
      }),
    )
    expect(config).toMatchObject({
      label: 'Größe',
      routingKey: [
        { kind: 'query', name: 'tenant' },
        { kind: 'header', name: 'X-Tenant' },
      ],
      escapedSlashes: 'reject',
      trustForwarded: false,
    })
  })

  test.each([
    ['an empty routing table', aSmallDocument({ routingTable: {} })],
    [
      'keys like toString and hasOwnProperty',
      aSmallDocument({ routingTable: { toString: 'tier1', hasOwnProperty: 'tier1' } }),
    ],
    [
      'keys that differ by case',
      aSmallDocument({ routingTable: { acme: 'tier1', ACME: 'tier1' } }),
    ],
    ['a key of exactly 256 bytes', aSmallDocument({ routingTable: { [LONG_KEY]: 'tier1' } })],
    ['a label of 1,000 characters', aSmallDocument({ label: `${'a'.repeat(999)}\n` })],
    ['all weights 0', withPlacement({ endpoints: [{ url: 'https://a.example', weight: 0 }] })],
    ['a byte order mark', `\ufeff${JSON.stringify(aSmallDocument())}`],
  ])('may have %s', (_name, document) => {
    expect(accepted(document).config.defaultPlacement).toBe('tier1')
  })

  test('may have 2,000 placements with a chain of fallbacks', () => {
    const names = Array.from({ length: 2_000 }, (_, i) => `p${i}`)
    const placements = Object.fromEntries(
      names.map((name, i) => [
        name,
        { endpoints: ['https://a.example'], fallback: names.slice(i + 1, i + 3) },
      ]),
    )
    const document = aSmallDocument({ placements, routingTable: {}, defaultPlacement: 'p1999' })
    expect(configOf(document).placements.size).toBe(2_000)
  })

  test('may have 250,000 routing keys, and no more', () => {
    const withKeys = (count: number) =>
      aSmallDocument({
        routingTable: Object.fromEntries(
          Array.from({ length: count }, (_, i) => [`k${i}`, 'tier1']),
        ),
      })
    expect(configOf(withKeys(250_000)).routingTable.size).toBe(250_000)
    expect(errorsOf(withKeys(250_001))).toEqual([
      {
        pointer: '/routingTable',
        code: 'too_many',
        message: 'must not hold more than 250000 keys; there are 250001',
      },
    ])
  })

  test('may have 100,000 routing keys', () => {
    const keys = Array.from({ length: 100_000 }, (_, i) => [`customer-${i}`, 'tier1'])
    const { config, canonical } = accepted(
      aSmallDocument({ routingTable: Object.fromEntries(keys) }),
    )
    expect(config.routingTable.size).toBe(100_000)
    expect(config.routingTable.get('customer-99999')).toBe('tier1')
    expect(JSON.stringify(JSON.parse(canonical))).toBe(canonical)
    expect(canonical.match(/"customer-\d+":"tier1"/g)).toHaveLength(100_000)
  })
})

describe('a text that is not JSON', () => {
  test('is refused with the line and the column (D69)', () => {
    expect(refused('{"schema": 1,\n  oops}')).toEqual({
      code: 'invalid_json',
      detail: 'Found "o" where a key in double quotes was expected (line 2, column 3)',
      extra: { line: 2, column: 3 },
    })
  })

  test('is refused when it is nested 10,000 deep (C15)', () => {
    expect(refused('['.repeat(10_000)).code).toBe('invalid_json')
  })
})
