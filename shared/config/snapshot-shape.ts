import type {
  CircuitBreakerSettings,
  Endpoint,
  HealthCheckSettings,
  KeySource,
  Placement,
  SnapshotMeta,
} from './snapshot.ts'

/**
 * Tells whether parsed JSON has the shape of a snapshot's meta, so that nothing read from it later
 * can throw. Ranges are the schema's business; this is about bytes of a broken or foreign store.
 * Each shape names every field of its type, or it does not compile.
 */
type Check = (value: unknown) => boolean

export function isSnapshotMeta(value: unknown): value is SnapshotMeta {
  if (!isMetaShape(value)) return false
  const { placements, defaultPlacement } = value
  const isPlacement = (index: number) => index < placements.length
  return isPlacement(defaultPlacement) && placements.every((p) => p.fallback.every(isPlacement))
}

const isText: Check = (value) => typeof value === 'string'
const isFlag: Check = (value) => typeof value === 'boolean'
const isAmount: Check = (value) => typeof value === 'number' && value >= 0
const isCount: Check = (value) => isAmount(value) && Number.isSafeInteger(value)
const oneOf =
  (...values: unknown[]): Check =>
  (value) =>
    values.includes(value)
const nullOr =
  (check: Check): Check =>
  (value) =>
    value === null || check(value)
const anyOf =
  (...checks: Check[]): Check =>
  (value) =>
    checks.some((check) => check(value))
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check)

function shape<T>(fields: { readonly [K in keyof T]-?: Check }) {
  const checks: [string, Check][] = Object.entries(fields)
  return (value: unknown): value is T =>
    isRecord(value) && checks.every(([name, check]) => check(value[name]))
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

type Kind<T, K> = Extract<T, { readonly kind: K }>

const isKeySource = anyOf(
  shape<Kind<KeySource, 'header' | 'query' | 'cookie'>>({
    kind: oneOf('header', 'query', 'cookie'),
    name: isText,
  }),
  shape<Kind<KeySource, 'host'>>({ kind: oneOf('host'), pattern: isText, suffix: isText }),
  shape<Kind<KeySource, 'path'>>({
    kind: oneOf('path'),
    pattern: isText,
    segments: listOf(nullOr(isText)),
    rest: isFlag,
  }),
)

const isEndpoint = anyOf(
  shape<Kind<Endpoint, 'url'>>({ kind: oneOf('url'), base: isText, weight: isAmount }),
  shape<Kind<Endpoint, 'service'>>({ kind: oneOf('service'), binding: isText, weight: isAmount }),
  shape<Kind<Endpoint, 'dispatch'>>({
    kind: oneOf('dispatch'),
    binding: isText,
    script: isText,
    weight: isAmount,
  }),
)

const isCircuitBreaker = shape<CircuitBreakerSettings>({
  consecutiveFailures: nullOr(isCount),
  openForMs: isAmount,
  openForMaxMs: isAmount,
  jitter: isAmount,
  window: nullOr(
    shape<NonNullable<CircuitBreakerSettings['window']>>({
      durationMs: isAmount,
      minimumRequests: isCount,
      failureRate: isAmount,
    }),
  ),
  halfOpen: shape<CircuitBreakerSettings['halfOpen']>({
    probes: isCount,
    maxFailures: isCount,
    concurrent: isCount,
  }),
  recoveryMs: isAmount,
})

const isHealthCheck = shape<HealthCheckSettings>({
  path: isText,
  intervalMs: isAmount,
  timeoutMs: isAmount,
  rise: isCount,
  fall: isCount,
})

const isPlacementShape = shape<Placement>({
  name: isText,
  kind: oneOf('tier', 'dedicated'),
  endpoints: listOf(isEndpoint),
  fallback: listOf(isCount),
  whenOpen: oneOf('reject', 'default'),
  balance: oneOf('round-robin', 'weighted', 'least-requests', 'rendezvous'),
  circuitBreaker: isCircuitBreaker,
  healthCheck: nullOr(isHealthCheck),
  concurrencyLimit: nullOr(isCount),
  maxRequestBodyBytes: nullOr(isCount),
  timeouts: shape<Placement['timeouts']>({
    headersMs: isAmount,
    idleMs: nullOr(isAmount),
    totalMs: nullOr(isAmount),
  }),
  retry: shape<Placement['retry']>({
    attempts: isCount,
    methods: listOf(isText),
    maxBufferedBodyBytes: isCount,
  }),
})

const isMetaShape = shape<SnapshotMeta>({
  revision: isCount,
  label: isText,
  publishedAt: isText,
  routingKey: listOf(isKeySource),
  defaultPlacement: isCount,
  escapedSlashes: oneOf('keep', 'reject'),
  trustForwarded: isFlag,
  placements: listOf(isPlacementShape),
})
