import { describe, expect, test } from 'vitest'
import { accepted, aSmallDocument, codesOf, configOf, errorsOf } from '../../support/documents.ts'

describe('a fallback', () => {
  const withFallbacks = (fallbacks: Readonly<Record<string, readonly string[]>>) =>
    aSmallDocument({
      routingTable: {},
      defaultPlacement: Object.keys(fallbacks)[0],
      placements: Object.fromEntries(
        Object.entries(fallbacks).map(([name, fallback]) => [
          name,
          { endpoints: ['https://a.example'], fallback },
        ]),
      ),
    })

  test('may be shared, and listed in any order, as long as nothing leads back (D67)', () => {
    const document = withFallbacks({ a: ['b', 'c', 'd'], b: ['d'], c: ['b', 'd'], d: [] })
    expect(configOf(document).placements.get('c')?.fallback).toEqual(['b', 'd'])
    expect(accepted(document).config.placements.size).toBe(4)
  })

  test.each<
    [name: string, fallbacks: Readonly<Record<string, readonly string[]>>, errors: string[]]
  >([
    ['an unknown placement', { a: ['b'] }, ['/placements/a/fallback/0 unknown_placement']],
    ['the placement itself', { a: ['a'] }, ['/placements/a/fallback/0 fallback_to_itself']],
    [
      'the same one twice',
      { a: ['b', 'b'], b: [] },
      ['/placements/a/fallback/1 duplicate_fallback'],
    ],
    [
      'one that falls back to it',
      { a: ['b'], b: ['a'] },
      ['/placements/b/fallback fallback_cycle'],
    ],
    [
      'one that comes back later',
      { a: ['b'], b: ['x', 'c'], c: ['x', 'b'], x: [] },
      ['/placements/c/fallback fallback_cycle'],
    ],
    [
      'two cycles',
      { a: ['b'], b: ['a'], c: ['d', 'a'], d: ['c'] },
      ['/placements/b/fallback fallback_cycle', '/placements/d/fallback fallback_cycle'],
    ],
    [
      'more than sixteen',
      {
        a: 'bcdefghijklmnopqr'.split(''),
        ...Object.fromEntries([...'bcdefghijklmnopqr'].map((name) => [name, []])),
      },
      ['/placements/a/fallback out_of_range'],
    ],
  ])('may not be %s (D67)', (_name, fallbacks, errors) => {
    expect(codesOf(withFallbacks(fallbacks))).toEqual(errors)
  })

  test('shows the way around a cycle', () => {
    const names = Array.from({ length: 30 }, (_, i) => `p${i}`)
    const ring = Object.fromEntries(names.map((name, i) => [name, [names[(i + 1) % 30] ?? '']]))
    expect(errorsOf(withFallbacks({ a: ['b'], b: ['c'], c: ['b'] }))[0]?.message).toBe(
      'fallback cycle: b → c → b',
    )
    expect(errorsOf(withFallbacks(ring))[0]?.message).toBe(
      'fallback cycle: p0 → p1 → p2 → p3 → p4 → p5 → p6 → p7 → p8 → p9 → … → p0',
    )
  })

  test('is checked in placements that have other errors', () => {
    const placements = { a: { endpoints: 5, fallback: ['a'] }, b: 7 }
    expect(
      codesOf(aSmallDocument({ placements, routingTable: {}, defaultPlacement: 'a' })),
    ).toEqual([
      '/placements/a/endpoints wrong_type',
      '/placements/b wrong_type',
      '/placements/a/fallback/0 fallback_to_itself',
    ])
  })
})
