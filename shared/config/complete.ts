import type { PlacementConfig } from './config.ts'
import { type PlacementDocument, readMs } from './schema.ts'
import type { CircuitBreakerSettings, Endpoint, HealthCheckSettings } from './snapshot.ts'

/** Fills in what a placement of schema 1 leaves out. Every default is on this page. */
export function completePlacement(
  document: PlacementDocument,
  endpoints: readonly Endpoint[],
): PlacementConfig {
  const { timeouts = {}, retry = {} } = document
  return {
    kind: document.kind ?? 'dedicated',
    endpoints,
    fallback: document.fallback ?? [],
    whenOpen: document.whenOpen ?? 'reject',
    balance: document.balance ?? 'round-robin',
    circuitBreaker: completeCircuitBreaker(document.circuitBreaker ?? {}),
    healthCheck: document.healthCheck ? completeHealthCheck(document.healthCheck) : null,
    concurrencyLimit: document.concurrencyLimit ?? null,
    maxRequestBodyBytes: document.maxRequestBodyBytes ?? null,
    timeouts: {
      headersMs: readMs(timeouts.headers, 10_000),
      idleMs: readMs(timeouts.idle, null),
      totalMs: readMs(timeouts.total, null),
    },
    retry: {
      attempts: retry.attempts ?? 2,
      methods: retry.methods ?? ['GET', 'HEAD', 'OPTIONS'],
      maxBufferedBodyBytes: retry.maxBufferedBodyBytes ?? 65_536,
    },
  }
}

type Breaker = NonNullable<PlacementDocument['circuitBreaker']>
type HealthCheck = NonNullable<PlacementDocument['healthCheck']>

/** A default gives way where it would contradict a field that is set. */
function completeCircuitBreaker(breaker: Breaker): CircuitBreakerSettings {
  const { consecutiveFailures = 5, window = {}, halfOpen = {} } = breaker
  const openForMs = readMs(breaker.openFor, Math.min(30_000, readMs(breaker.openForMax, 30_000)))
  const { maxFailures = 1, concurrent = 3 } = halfOpen
  const probes = halfOpen.probes ?? Math.max(5, maxFailures + 1, concurrent)
  return {
    consecutiveFailures,
    openForMs,
    openForMaxMs: readMs(breaker.openForMax, Math.max(300_000, openForMs)),
    jitter: breaker.jitter ?? 0.5,
    window: window && {
      durationMs: readMs(window.duration, 20_000),
      minimumRequests: window.minimumRequests ?? 20,
      failureRate: window.failureRate ?? 0.5,
    },
    halfOpen: {
      probes,
      maxFailures: Math.min(maxFailures, probes - 1),
      concurrent: Math.min(concurrent, probes),
    },
    recoveryMs: readMs(breaker.recovery, 30_000),
  }
}

function completeHealthCheck(check: HealthCheck): HealthCheckSettings {
  const intervalMs = readMs(check.interval, Math.max(10_000, readMs(check.timeout, 0)))
  return {
    path: check.path ?? '/health',
    intervalMs,
    timeoutMs: readMs(check.timeout, Math.min(2_000, intervalMs)),
    rise: check.rise ?? 2,
    fall: check.fall ?? 3,
  }
}
