import { describe, expect, test } from 'vitest'
import { aPlacement } from '../../support/a-config.ts'
import {
  aSmallDocument,
  codesOf,
  configOf,
  errorsOf,
  withPlacement,
} from '../../support/documents.ts'

const placementOf = (fields: Readonly<Record<string, unknown>>) =>
  configOf(withPlacement(fields)).placements.get('tier1')

const namesOf = (...names: string[]) => {
  const placements = names.map((name) => [name, { endpoints: ['https://a.example'] }])
  return {
    schema: 1,
    routingTable: {},
    defaultPlacement: names[0],
    placements: Object.fromEntries(placements),
  }
}

describe('a placement', () => {
  test('has the documented defaults', () => {
    expect(placementOf({})).toEqual(
      aPlacement({ endpoints: [{ kind: 'url', base: 'https://tier1.example.com', weight: 1 }] }),
    )
    expect(
      placementOf({ circuitBreaker: { window: {}, halfOpen: {} }, timeouts: {}, retry: {} }),
    ).toEqual(placementOf({}))
    expect(placementOf({ healthCheck: {} })?.healthCheck).toEqual({
      path: '/health',
      intervalMs: 10_000,
      timeoutMs: 2_000,
      rise: 2,
      fall: 3,
    })
  })

  test('keeps everything that it sets', () => {
    const placements = {
      tier1: {
        kind: 'tier',
        endpoints: ['https://a.example'],
        fallback: ['tier2'],
        whenOpen: 'default',
        balance: 'rendezvous',
        circuitBreaker: {
          consecutiveFailures: 3,
          openFor: '1m',
          openForMax: '1h',
          jitter: 0.25,
          window: { duration: '30s', minimumRequests: 7, failureRate: 0.125 },
          halfOpen: { probes: 4, maxFailures: 2, concurrent: 1 },
          recovery: '250ms',
        },
        healthCheck: { path: '/up?deep=1', interval: '5s', timeout: '1s', rise: 4, fall: 5 },
        concurrencyLimit: 100,
        maxRequestBodyBytes: 10_485_760,
        timeouts: { headers: '3s', idle: '1m', total: '24h' },
        retry: { attempts: 0, methods: ['GET', 'PROPFIND', 'M-SEARCH'], maxBufferedBodyBytes: 0 },
      },
      tier2: { endpoints: ['https://b.example'] },
    }
    expect(configOf(aSmallDocument({ placements })).placements.get('tier1')).toEqual({
      kind: 'tier',
      endpoints: [{ kind: 'url', base: 'https://a.example', weight: 1 }],
      fallback: ['tier2'],
      whenOpen: 'default',
      balance: 'rendezvous',
      circuitBreaker: {
        consecutiveFailures: 3,
        openForMs: 60_000,
        openForMaxMs: 3_600_000,
        jitter: 0.25,
        window: { durationMs: 30_000, minimumRequests: 7, failureRate: 0.125 },
        halfOpen: { probes: 4, maxFailures: 2, concurrent: 1 },
        recoveryMs: 250,
      },
      healthCheck: { path: '/up?deep=1', intervalMs: 5_000, timeoutMs: 1_000, rise: 4, fall: 5 },
      concurrencyLimit: 100,
      maxRequestBodyBytes: 10_485_760,
      timeouts: { headersMs: 3_000, idleMs: 60_000, totalMs: 86_400_000 },
      retry: { attempts: 0, methods: ['GET', 'PROPFIND', 'M-SEARCH'], maxBufferedBodyBytes: 0 },
    })
  })

  test('switches off with null what can be off', () => {
    const placement = placementOf({
      circuitBreaker: { consecutiveFailures: null, window: null },
      healthCheck: null,
      concurrencyLimit: null,
      maxRequestBodyBytes: null,
      timeouts: { idle: null, total: null },
    })
    expect(placement?.circuitBreaker).toMatchObject({ consecutiveFailures: null, window: null })
    expect(placement).toMatchObject({
      healthCheck: null,
      concurrencyLimit: null,
      maxRequestBodyBytes: null,
      timeouts: { headersMs: 10_000, idleMs: null, totalMs: null },
    })
  })

  test.each([
    [{ openFor: '10m' }, { openForMs: 600_000, openForMaxMs: 600_000 }],
    [{ openForMax: '10s' }, { openForMs: 10_000, openForMaxMs: 10_000 }],
    [{ halfOpen: { probes: 1 } }, { halfOpen: { probes: 1, maxFailures: 0, concurrent: 1 } }],
    [{ halfOpen: { maxFailures: 9 } }, { halfOpen: { probes: 10, maxFailures: 9, concurrent: 3 } }],
    [{ halfOpen: { concurrent: 9 } }, { halfOpen: { probes: 9, maxFailures: 1, concurrent: 9 } }],
  ])('has defaults of the breaker that give way to %j', (circuitBreaker, expected) => {
    expect(placementOf({ circuitBreaker })?.circuitBreaker).toMatchObject(expected)
  })

  test.each([
    [{ interval: '1s' }, { intervalMs: 1_000, timeoutMs: 1_000 }],
    [{ timeout: '30s' }, { intervalMs: 30_000, timeoutMs: 30_000 }],
  ])('has defaults of the health check that give way to %j', (healthCheck, expected) => {
    expect(placementOf({ healthCheck })?.healthCheck).toMatchObject(expected)
  })
})

describe('the name of a placement', () => {
  test.each(['tier 1', 'a/b', '~', 'x'.repeat(128), 'toString', '1'])('may be %j', (name) => {
    expect(configOf(namesOf(name)).placements.has(name)).toBe(true)
  })

  test.each(['', ' ', ' a', 'a ', 'a\nb', 'zürich', '.', '..', 'x'.repeat(129)])(
    'may not be %j',
    (name) => {
      expect(errorsOf(namesOf(name)).map(({ code }) => code)).toEqual(['invalid_name'])
    },
  )

  test.each([
    ['tier1', 'Tier1'],
    ['caf\u00e9', 'cafe\u0301'],
    ['ﬁn', 'FIN'],
  ])('%s does not differ enough from %s', (first, second) => {
    expect(errorsOf(namesOf(first, second))).toContainEqual({
      pointer: `/placements/${second}`,
      code: 'name_collision',
      message: `the name differs from "${first}" only by case or Unicode form`,
    })
  })

  test('counts: there may not be more than 2,000', () => {
    const names = Array.from({ length: 2_001 }, (_, i) => `p${i}`)
    expect(codesOf(namesOf(...names))).toEqual(['/placements too_many_placements'])
  })

  test('is no longer looked into after a thousand errors', () => {
    const names = Array.from({ length: 1_500 }, (_, i) => `Ä${i}`)
    expect(errorsOf(namesOf(...names))).toHaveLength(1_001)
  })
})
