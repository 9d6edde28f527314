import { describe, expect, test } from 'vitest'
import { aBaseline, codesOf, errorsOf, refused } from '../../support/documents.ts'

describe('an error in a document of the baseline', () => {
  const cells = (changes: Readonly<Record<string, unknown>>) => ({
    version: '1',
    routingTable: {},
    cellEndpoints: { tier1: 'http://a.example' },
    defaultPlacement: 'tier1',
    ...changes,
  })

  test.each<[name: string, document: unknown, errors: string[]]>([
    ['an empty version (D63)', aBaseline({ version: '' }), ['/version missing_version']],
    ['no version (D63)', aBaseline({ version: undefined }), ['/version missing_version']],
    ['a null version (D63)', aBaseline({ version: null }), ['/version missing_version']],
    ['a version that is no text', aBaseline({ version: 1 }), ['/version wrong_type']],
    [
      'no default (D64)',
      aBaseline({ defaultPlacement: undefined }),
      ['/defaultPlacement missing_field'],
    ],
    [
      'an unknown default (D64)',
      aBaseline({ defaultPlacement: 'x' }),
      ['/defaultPlacement unknown_placement'],
    ],
    [
      'an unknown target (D65)',
      aBaseline({ routingTable: { a: 'x' } }),
      ['/routingTable/a unknown_placement'],
    ],
    [
      'a bad address (D66)',
      cells({ cellEndpoints: { tier1: '://invalid-url' } }),
      ['/cellEndpoints/tier1 invalid_url'],
    ],
    [
      'a bad address under a name to escape',
      cells({ cellEndpoints: { 'a/~': 5 }, defaultPlacement: 'a/~' }),
      ['/cellEndpoints/a~1~0 wrong_type'],
    ],
    [
      'a bad name',
      cells({ cellEndpoints: { tier1: 'http://a.example', TIER1: 'http://a.example' } }),
      ['/cellEndpoints/TIER1 name_collision'],
    ],
    ['a bad url (D66)', aBaseline({}, { url: 'ftp://x' }), ['/placements/tier1/url invalid_url']],
    ['no url', aBaseline({}, { url: undefined }), ['/placements/tier1/url invalid_url']],
    [
      'an unknown fallback (D67)',
      aBaseline({}, { fallback: 'x' }),
      ['/placements/tier1/fallback unknown_placement'],
    ],
    [
      'itself as the fallback (D67)',
      aBaseline({}, { fallback: 'tier1' }),
      ['/placements/tier1/fallback fallback_to_itself'],
    ],
    [
      'a fallback that is no name',
      aBaseline({}, { fallback: 5 }),
      ['/placements/tier1/fallback wrong_type'],
    ],
    [
      'a bad duration of the breaker (D68)',
      aBaseline({}, { circuit_breaker: { timeout: '10x' } }),
      ['/placements/tier1/circuit_breaker/timeout bad_duration'],
    ],
    [
      'a duration of the breaker out of range',
      aBaseline({}, { circuit_breaker: { timeout: '1ms' } }),
      ['/placements/tier1/circuit_breaker/timeout out_of_range'],
    ],
    [
      'a duration that is a number',
      aBaseline({}, { circuit_breaker: { timeout: 30 } }),
      ['/placements/tier1/circuit_breaker/timeout wrong_type'],
    ],
    [
      'a negative threshold',
      aBaseline({}, { circuit_breaker: { failure_threshold: -1 } }),
      ['/placements/tier1/circuit_breaker/failure_threshold out_of_range'],
    ],
    [
      'a breaker that is no object',
      aBaseline({}, { circuit_breaker: 5 }),
      ['/placements/tier1/circuit_breaker wrong_type'],
    ],
    [
      'bad durations of the health check (D68)',
      aBaseline({}, { health_check: { interval: '10x', timeout: '-1s' } }),
      [
        '/placements/tier1/health_check/interval bad_duration',
        '/placements/tier1/health_check/timeout bad_duration',
      ],
    ],
    [
      'a path that is none',
      aBaseline({}, { health_check: { path: 'x' } }),
      ['/placements/tier1/health_check/path invalid_value'],
    ],
    [
      'a health check that is no object',
      aBaseline({}, { health_check: true }),
      ['/placements/tier1/health_check wrong_type'],
    ],
    [
      'a negative limit',
      aBaseline({}, { concurrency_limit: -1, max_request_body_bytes: -1 }),
      [
        '/placements/tier1/concurrency_limit out_of_range',
        '/placements/tier1/max_request_body_bytes out_of_range',
      ],
    ],
    [
      'a placement that is no object',
      aBaseline({ placements: { tier1: 'http://a.example' } }),
      ['/placements/tier1 wrong_type'],
    ],
    [
      'tables of the wrong type',
      aBaseline({ cellEndpoints: [], placements: 5 }),
      [
        '/cellEndpoints wrong_type',
        '/placements wrong_type',
        '/defaultPlacement unknown_placement',
        '/placements no_placement',
        '/routingTable/acme unknown_placement',
      ],
    ],
    [
      'a name that is given in both formats',
      { ...cells({}), placements: { tier1: { concurrency_limit: -1 }, Tier1: {} } },
      [
        '/placements/Tier1 name_collision',
        '/placements/tier1/concurrency_limit out_of_range',
        '/placements/Tier1/url invalid_url',
      ],
    ],
  ])('is reported by its own pointer: %s', (_name, document, errors) => {
    expect(codesOf(document)).toEqual(errors)
  })

  test('uses the words of the baseline', () => {
    const messageOf = (document: unknown) => errorsOf(document)[0]?.message
    expect(messageOf(aBaseline({ version: '' }))).toContain('version must not be empty')
    expect(messageOf(aBaseline({ defaultPlacement: undefined }))).toBe(
      '"defaultPlacement" is required',
    )
    expect(messageOf(aBaseline({ defaultPlacement: 'x' }))).toBe(
      'defaultPlacement is the unknown placement "x"',
    )
    expect(messageOf(aBaseline({}, { fallback: 'x' }))).toBe(
      'fallback is the unknown placement "x"',
    )
    expect(refused(aBaseline({}, { url: 'foo' })).detail).toContain('invalid URL "foo"')
  })
})
