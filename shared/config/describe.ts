import { printDuration } from '../duration.ts'
import type { PlacementConfig } from './config.ts'
import type { Endpoint, KeySource } from './snapshot.ts'

/** A config in the words of a document of schema 1, every default written out. */

export function describePlacement(placement: PlacementConfig) {
  const { circuitBreaker: breaker, healthCheck: check, timeouts } = placement
  return {
    kind: placement.kind,
    endpoints: placement.endpoints.map(describeEndpoint),
    fallback: placement.fallback,
    whenOpen: placement.whenOpen,
    balance: placement.balance,
    circuitBreaker: {
      consecutiveFailures: breaker.consecutiveFailures,
      openFor: printDuration(breaker.openForMs),
      openForMax: printDuration(breaker.openForMaxMs),
      jitter: breaker.jitter,
      window: breaker.window && {
        duration: printDuration(breaker.window.durationMs),
        minimumRequests: breaker.window.minimumRequests,
        failureRate: breaker.window.failureRate,
      },
      halfOpen: breaker.halfOpen,
      recovery: printDuration(breaker.recoveryMs),
    },
    healthCheck: check && {
      path: check.path,
      interval: printDuration(check.intervalMs),
      timeout: printDuration(check.timeoutMs),
      rise: check.rise,
      fall: check.fall,
    },
    concurrencyLimit: placement.concurrencyLimit,
    maxRequestBodyBytes: placement.maxRequestBodyBytes,
    timeouts: {
      headers: printDuration(timeouts.headersMs),
      idle: timeouts.idleMs === null ? null : printDuration(timeouts.idleMs),
      total: timeouts.totalMs === null ? null : printDuration(timeouts.totalMs),
    },
    retry: placement.retry,
  }
}

function describeEndpoint(endpoint: Endpoint) {
  const { weight } = endpoint
  switch (endpoint.kind) {
    case 'url':
      return { url: endpoint.base, weight }
    case 'service':
      return { service: endpoint.binding, weight }
    case 'dispatch':
      return { dispatch: endpoint.binding, script: endpoint.script, weight }
  }
}

export function describeKeySource(source: KeySource): Readonly<Record<string, string>> {
  return { [source.kind]: 'name' in source ? source.name : source.pattern }
}
