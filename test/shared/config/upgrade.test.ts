import { describe, expect, test } from 'vitest'
import { aBaseline, accepted, configOf, readText } from '../../support/documents.ts'

const readGolden = (name: string) => readText(`test/golden/configs/${name}.json`)
const placementOf = (placement: Readonly<Record<string, unknown>>, name = 'tier1') =>
  configOf(
    aBaseline({
      placements: {
        tier1: { url: 'http://a.example' },
        [name]: { url: 'http://a.example', ...placement },
      },
    }),
  ).placements.get(name)

describe('the demo of the baseline', () => {
  test('means the same in its second format and in schema 1 (D84)', () => {
    expect(configOf(readGolden('baseline-placements'))).toEqual(configOf(readGolden('schema-1')))
  })

  test('routes the same in its first format, which has no limits (D84)', () => {
    const { placements, ...rest } = configOf(readGolden('baseline-endpoints'))
    const { placements: others, ...expected } = configOf(readGolden('schema-1'))
    expect(rest).toEqual(expected)
    expect(
      [...placements].map(([name, { kind, endpoints }]) => ({ name, kind, endpoints })),
    ).toEqual([...others].map(([name, { kind, endpoints }]) => ({ name, kind, endpoints })))
    expect(placements.get('visa')).toMatchObject({
      fallback: [],
      healthCheck: null,
      concurrencyLimit: null,
    })
  })

  test('has a canonical form of its own in each format', () => {
    const forms = ['baseline-endpoints', 'baseline-placements', 'schema-1'].map(
      (name) => accepted(readGolden(name)).canonical,
    )
    expect(new Set(forms).size).toBe(3)
    expect(JSON.parse(forms[0] ?? '')).toEqual(JSON.parse(readGolden('baseline-endpoints')))
  })
})

describe('a document of the baseline', () => {
  test('leaves out what it sets to zero', () => {
    const zero = {
      circuit_breaker: { failure_threshold: 0, timeout: '0s' },
      health_check: { path: '', interval: '0s', timeout: '0' },
      concurrency_limit: 0,
      max_request_body_bytes: 0,
    }
    expect(placementOf(zero)).toEqual(placementOf({ health_check: {} }))
    const zeroNumbers = { circuit_breaker: { timeout: 0 }, health_check: { interval: 0 } }
    expect(placementOf(zeroNumbers)).toEqual(placementOf({ health_check: {} }))
  })

  test('keeps the behaviour of the baseline where schema 1 has other defaults', () => {
    expect(placementOf({})?.circuitBreaker).toEqual({
      consecutiveFailures: 5,
      openForMs: 30_000,
      openForMaxMs: 30_000,
      jitter: 0,
      window: null,
      halfOpen: { probes: 1, maxFailures: 0, concurrent: 1 },
      recoveryMs: 0,
    })
    expect(
      placementOf({ circuit_breaker: { failure_threshold: 3, timeout: '1m30s' } })?.circuitBreaker,
    ).toMatchObject({
      consecutiveFailures: 3,
      openForMs: 90_000,
      openForMaxMs: 90_000,
    })
    expect(placementOf({})?.healthCheck).toBeNull()
    expect(placementOf({ health_check: {} })?.healthCheck).toEqual({
      path: '/health',
      intervalMs: 10_000,
      timeoutMs: 2_000,
      rise: 1,
      fall: 1,
    })
    expect(
      placementOf({ health_check: { path: '/up', interval: '1.5s', timeout: '500ms' } })
        ?.healthCheck,
    ).toMatchObject({
      path: '/up',
      intervalMs: 1_500,
      timeoutMs: 500,
    })
  })

  test.each([
    ['tier1', 'tier'],
    ['tier9', 'tier'],
    ['tier0', 'dedicated'],
    ['tier10', 'dedicated'],
    ['visa', 'dedicated'],
  ])('has a placement %s of the kind %s', (name, kind) => {
    expect(placementOf({}, name)?.kind).toBe(kind)
  })

  test.each([
    {
      fallback: '',
      circuit_breaker: null,
      health_check: null,
      concurrency_limit: 0,
      max_request_body_bytes: 0,
    },
    {
      fallback: null,
      circuit_breaker: { timeout: '' },
      concurrency_limit: null,
      max_request_body_bytes: null,
    },
    { health_check: null, comment: 'ignored', nested: { field: 1 } },
  ])('reads zero values as absent and ignores unknown fields: %j', (placement) => {
    expect(placementOf(placement)).toEqual(placementOf({}))
  })

  test('becomes its version as the label, one endpoint, and a list of one fallback', () => {
    const config = configOf(aBaseline({ version: '2.0', routingTable: null, unknown: true }))
    expect(config).toMatchObject({
      label: '2.0',
      routingTable: new Map(),
      escapedSlashes: 'keep',
      trustForwarded: true,
    })
    const placement = placementOf(
      { fallback: 'tier1', concurrency_limit: 5, max_request_body_bytes: 6 },
      'visa',
    )
    expect(placement).toMatchObject({
      endpoints: [{ kind: 'url', base: 'http://a.example', weight: 1 }],
      fallback: ['tier1'],
      concurrencyLimit: 5,
      maxRequestBodyBytes: 6,
    })
  })

  test('may mix both formats: an address in cellEndpoints wins, the settings stay', () => {
    const config = configOf(
      aBaseline(
        { cellEndpoints: { tier1: 'http://new.example', tier2: 'http://b.example' } },
        { url: 'http://old.example', concurrency_limit: 5 },
      ),
    )
    expect(config.placements.get('tier1')).toMatchObject({
      endpoints: [{ kind: 'url', base: 'http://new.example', weight: 1 }],
      concurrencyLimit: 5,
    })
    expect(config.placements.get('tier2')).toMatchObject({ concurrencyLimit: null })
  })
})
