import { describe, expect, test } from 'vitest'
import { aBaseline, accepted, aSmallDocument, withPlacement } from '../../support/documents.ts'

const warningsOf = (document: unknown) =>
  accepted(document).warnings.map(({ pointer, code }) => `${pointer} ${code}`)

describe('a field that has no effect yet', () => {
  test('is warned about once, with the pointer of its first use', () => {
    const placement = (...fallback: string[]) => ({
      endpoints: ['https://a.example', { dispatch: 'CELLS', script: 'a' }],
      fallback,
      whenOpen: 'reject',
      circuitBreaker: {},
      healthCheck: {},
      retry: {},
      balance: 'weighted',
    })
    const placements = { 'a/b': placement('c'), c: placement() }
    expect(
      warningsOf(aSmallDocument({ placements, defaultPlacement: 'c', routingTable: {} })),
    ).toEqual(['/placements/a~1b/endpoints/1 not_in_effect'])
  })

  test('says so in words', () => {
    const endpoints = [{ dispatch: 'CELLS', script: 'a' }]
    const [dispatch] = accepted(withPlacement({ endpoints })).warnings
    expect(dispatch?.message).toBe(
      'a "dispatch" endpoint is accepted and has no effect in this version',
    )
  })

  test('is not warned about when it is not set', () => {
    expect(
      warningsOf(withPlacement({ fallback: [], healthCheck: null, balance: 'round-robin' })),
    ).toEqual([])
    expect(warningsOf(aBaseline({}, { fallback: '' }))).toEqual([])
  })

  test('is none of the baseline', () => {
    const placement = { circuit_breaker: {}, health_check: {} }
    expect(warningsOf(aBaseline({}, placement))).toEqual([])
    const { placements: _, ...rest } = aBaseline({ cellEndpoints: { tier1: 'http://a.example' } })
    expect(warningsOf(rest)).toEqual([])
  })
})

describe('a routing key that no request can carry', () => {
  const keyed = (key: string, ...routingKey: unknown[]) =>
    aSmallDocument({
      routingTable: { [key]: 'tier1' },
      ...(routingKey.length > 0 && { routingKey }),
    })

  test.each(['', 'a,b', ' a', 'a ', 'a\tb', 'a\u007f', '\u0085'])(
    'is warned about: %j in a header',
    (key) => {
      expect(warningsOf(keyed(key))).toEqual([`/routingTable/${key} unreachable_key`])
    },
  )

  test.each(['a', 'a b', 'é', '__proto', 'a;b'])('is not %j', (key) => {
    expect(warningsOf(keyed(key))).toEqual([])
  })

  test('may be fine for another source', () => {
    const sources = [{ header: 'X-Routing-Key' }, { query: 'key' }]
    expect(warningsOf(keyed('a,b', ...sources))).toEqual([])
    expect(warningsOf(keyed(' a', ...sources))).toEqual([])
    expect(warningsOf(keyed('a\n', ...sources))).toEqual(['/routingTable/a\n unreachable_key'])
  })

  test('is listed up to a hundred times', () => {
    const keys = Array.from({ length: 300 }, (_, i) => [`a,${i}`, 'tier1'])
    const { warnings } = accepted(aSmallDocument({ routingTable: Object.fromEntries(keys) }))
    expect(warnings).toHaveLength(101)
    expect(warnings.at(-1)).toEqual({
      pointer: '',
      code: 'more',
      message: 'at least 200 more are not listed',
    })
  })
})
