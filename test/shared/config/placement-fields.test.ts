import { describe, expect, test } from 'vitest'
import { aSmallDocument, codesOf, errorsOf, withPlacement } from '../../support/documents.ts'

describe('a field of a placement', () => {
  test.each<[fields: Readonly<Record<string, unknown>>, error: string]>([
    [{ kind: 'pool' }, '/kind invalid_value'],
    [{ kind: 1 }, '/kind wrong_type'],
    [{ whenOpen: 'retry' }, '/whenOpen invalid_value'],
    [{ balance: 'random' }, '/balance invalid_value'],
    [{ fallback: 'tier2' }, '/fallback wrong_type'],
    [{ fallback: [5] }, '/fallback/0 wrong_type'],
    [{ endpoints: undefined }, '/endpoints missing_field'],
    [{ endpoints: 'https://a.example' }, '/endpoints wrong_type'],
    [{ endpoints: [] }, '/endpoints out_of_range'],
    [{ endpoints: Array(101).fill('https://a.example') }, '/endpoints out_of_range'],
    [{ concurrencyLimit: 0 }, '/concurrencyLimit out_of_range'],
    [{ concurrencyLimit: -1 }, '/concurrencyLimit out_of_range'],
    [{ concurrencyLimit: 1.5 }, '/concurrencyLimit out_of_range'],
    [{ concurrencyLimit: '100' }, '/concurrencyLimit wrong_type'],
    [{ maxRequestBodyBytes: 2 ** 40 + 1 }, '/maxRequestBodyBytes out_of_range'],
    [{ circuitBreaker: null }, '/circuitBreaker wrong_type'],
    [{ circuitBreaker: [] }, '/circuitBreaker wrong_type'],
    [
      { circuitBreaker: { consecutiveFailures: 0 } },
      '/circuitBreaker/consecutiveFailures out_of_range',
    ],
    [{ circuitBreaker: { openFor: '10x' } }, '/circuitBreaker/openFor bad_duration'],
    [{ circuitBreaker: { openFor: 30 } }, '/circuitBreaker/openFor wrong_type'],
    [{ circuitBreaker: { openFor: '99ms' } }, '/circuitBreaker/openFor out_of_range'],
    [{ circuitBreaker: { openFor: '61m' } }, '/circuitBreaker/openFor out_of_range'],
    [{ circuitBreaker: { openForMax: '25h' } }, '/circuitBreaker/openForMax out_of_range'],
    [
      { circuitBreaker: { openFor: '2s', openForMax: '1s' } },
      '/circuitBreaker/openForMax out_of_range',
    ],
    [{ circuitBreaker: { jitter: 1.01 } }, '/circuitBreaker/jitter out_of_range'],
    [{ circuitBreaker: { jitter: -0.1 } }, '/circuitBreaker/jitter out_of_range'],
    [
      { circuitBreaker: { window: { failureRate: 0 } } },
      '/circuitBreaker/window/failureRate out_of_range',
    ],
    [
      { circuitBreaker: { window: { minimumRequests: 0 } } },
      '/circuitBreaker/window/minimumRequests out_of_range',
    ],
    [
      { circuitBreaker: { window: { duration: '999ms' } } },
      '/circuitBreaker/window/duration out_of_range',
    ],
    [
      { circuitBreaker: { halfOpen: { probes: 0 } } },
      '/circuitBreaker/halfOpen/probes out_of_range',
    ],
    [
      { circuitBreaker: { halfOpen: { probes: 2, maxFailures: 2 } } },
      '/circuitBreaker/halfOpen/maxFailures out_of_range',
    ],
    [
      { circuitBreaker: { halfOpen: { probes: 2, concurrent: 3 } } },
      '/circuitBreaker/halfOpen/concurrent out_of_range',
    ],
    [{ circuitBreaker: { recovery: '2h' } }, '/circuitBreaker/recovery out_of_range'],
    [{ healthCheck: { path: 'health' } }, '/healthCheck/path invalid_value'],
    [{ healthCheck: { path: '/a b' } }, '/healthCheck/path invalid_value'],
    [{ healthCheck: { interval: '1s', timeout: '2s' } }, '/healthCheck/timeout out_of_range'],
    [{ healthCheck: { interval: '10x' } }, '/healthCheck/interval bad_duration'],
    [{ healthCheck: { rise: 0 } }, '/healthCheck/rise out_of_range'],
    [{ healthCheck: { fall: 101 } }, '/healthCheck/fall out_of_range'],
    [{ timeouts: { headers: '9ms' } }, '/timeouts/headers out_of_range'],
    [{ timeouts: { headers: null } }, '/timeouts/headers wrong_type'],
    [{ timeouts: { idle: '1.5s' } }, '/timeouts/idle bad_duration'],
    [{ timeouts: { total: '25h' } }, '/timeouts/total out_of_range'],
    [{ retry: { attempts: 11 } }, '/retry/attempts out_of_range'],
    [{ retry: { methods: ['get'] } }, '/retry/methods/0 invalid_value'],
    [{ retry: { methods: ['CONNECT'] } }, '/retry/methods/0 invalid_value'],
    [{ retry: { methods: ['TRACE'] } }, '/retry/methods/0 invalid_value'],
    [{ retry: { maxBufferedBodyBytes: 2 ** 20 + 1 } }, '/retry/maxBufferedBodyBytes out_of_range'],
    [{ url: 'https://a.example' }, '/url unknown_field'],
    [{ toString: 1 }, '/toString unknown_field'],
  ])('is refused in %j (D68)', (fields, error) => {
    expect(codesOf(withPlacement(fields))).toEqual([`/placements/tier1${error}`])
  })

  test('names its range in the message', () => {
    const messageOf = (fields: Readonly<Record<string, unknown>>) =>
      errorsOf(withPlacement(fields))[0]?.message
    expect(messageOf({ concurrencyLimit: 0 })).toBe('must be a whole number from 1 to 1000000')
    expect(messageOf({ timeouts: { headers: '2h' } })).toBe('must be from 10ms to 1h')
    expect(messageOf({ kind: 'x' })).toBe('must be one of "tier", "dedicated"')
    expect(messageOf({ circuitBreaker: { jitter: 2 } })).toBe('must be a number from 0 to 1')
    expect(messageOf({ retry: [] })).toBe('must be object, not array')
    expect(messageOf({ kind: null })).toBe('must be string, not null')
    expect(messageOf({ endpoints: undefined })).toBe('"endpoints" is required')
  })

  test.each(['tier1', null, [], 5])(
    'cannot be looked for in a placement that is %j',
    (placement) => {
      expect(codesOf(aSmallDocument({ placements: { tier1: placement } }))).toEqual([
        '/placements/tier1 wrong_type',
      ])
    },
  )
})
