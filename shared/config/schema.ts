import * as z from 'zod/mini'
import { parseDuration, printDuration } from '../duration.ts'
import { nameType } from './issues.ts'
import { MAX_ENDPOINTS, MAX_KEY_SOURCES } from './limits.ts'

/**
 * The shape and the ranges of schema 1, field by field. Addresses and bindings are checked in
 * endpoint.ts, references between fields in check.ts; complete.ts fills in what is absent.
 *
 * A message of a check here is "<code> <text>"; that of an unknown field lists the known ones. Few
 * of zod's types are used, because each adds to the size of the Worker.
 */

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** Every name that a field of some object here has. */
export const FIELD_NAMES: Set<string> = new Set()

/** Built when a document is first read: building all of them takes longer than starting the Worker. */
function lazy<Schema>(build: () => Schema): () => Schema {
  let built: Schema | undefined
  return () => {
    built ??= build()
    return built
  }
}

/** Strict: an unknown field is an error. */
function fields<Shape extends z.core.$ZodShape>(shape: Shape) {
  const names = Object.keys(shape)
  for (const name of names) FIELD_NAMES.add(name)
  const known = names.join(' ')
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? known : undefined),
  })
}

/** `check` gives the message about a value of the right type, '' when it is fine. */
function scalar<T>(type: 'string' | 'number' | 'boolean', check: (value: T) => string) {
  const explain = (value: unknown) =>
    isType<T>(value, type) ? check(value) : `wrong_type must be ${type}, not ${nameType(value)}`
  const isFine = (value: unknown) => explain(value) === ''
  return z.custom<T>(isFine, { error: ({ input }) => explain(input) })
}

function isType<T>(value: unknown, type: string): value is T {
  return typeof value === type
}

const text = () => scalar<string>('string', () => '')

function inRange(min: number, max: number) {
  return scalar<number>('number', (value) =>
    value >= min && value <= max ? '' : `out_of_range must be a number from ${min} to ${max}`,
  )
}

function whole(min: number, max: number) {
  return scalar<number>('number', (value) =>
    Number.isInteger(value) && value >= min && value <= max
      ? ''
      : `out_of_range must be a whole number from ${min} to ${max}`,
  )
}

function duration(minMs: number, maxMs: number) {
  return scalar<string>('string', (value) => {
    const read = parseDuration(value)
    if (!read.ok) return `bad_duration ${read.error}`
    if (read.value >= minMs && read.value <= maxMs) return ''
    return `out_of_range must be from ${printDuration(minMs)} to ${printDuration(maxMs)}`
  })
}

function matching(pattern: RegExp, description: string) {
  return scalar<string>('string', (value) =>
    pattern.test(value) ? '' : `invalid_value must be ${description}`,
  )
}

function oneOf<const T extends string>(...values: readonly T[]) {
  return scalar<T>('string', (value) =>
    values.includes(value) ? '' : `invalid_value must be one of "${values.join('", "')}"`,
  )
}

function list<Item extends z.core.$ZodType>(item: Item, min: number, max: number) {
  const isFine = (items: readonly unknown[]) => items.length >= min && items.length <= max
  const error = `out_of_range must have ${min} to ${max} elements`
  return z.array(item).check(z.refine(isFine, { error }))
}

/** A rule between two fields of an object; it runs when each is fine by itself. */
function rule<T>(isKept: (value: T) => boolean, field: string, description: string) {
  return z.refine<T>(isKept, { path: [field], error: `out_of_range must ${description}` })
}

/** The milliseconds of a duration that was checked; `absentMs` when there is none. */
export function readMs<Absent extends number | null>(
  duration: string | null | undefined,
  absentMs: Absent,
): number | Absent {
  const read = parseDuration(duration ?? '')
  return read.ok ? read.value : absentMs
}

const optional = z.optional

const halfOpen = () =>
  fields({
    probes: optional(whole(1, 1_000)),
    maxFailures: optional(whole(0, 999)),
    concurrent: optional(whole(1, 1_000)),
  }).check(
    rule(
      ({ probes = 1_000, maxFailures = 0 }) => maxFailures < probes,
      'maxFailures',
      'be less than "probes"',
    ),
    rule(
      ({ probes = 1_000, concurrent = 1 }) => concurrent <= probes,
      'concurrent',
      'not be more than "probes"',
    ),
  )

const circuitBreaker = () =>
  fields({
    consecutiveFailures: optional(z.nullable(whole(1, 10_000))),
    openFor: optional(duration(100, HOUR_MS)),
    openForMax: optional(duration(100, DAY_MS)),
    jitter: optional(inRange(0, 1)),
    window: optional(
      z.nullable(
        fields({
          duration: optional(duration(1_000, HOUR_MS)),
          minimumRequests: optional(whole(1, 1_000_000)),
          failureRate: optional(inRange(0.001, 1)),
        }),
      ),
    ),
    halfOpen: optional(halfOpen()),
    recovery: optional(duration(0, HOUR_MS)),
  }).check(
    rule(
      ({ openFor, openForMax }) => readMs(openForMax, DAY_MS) >= readMs(openFor, 0),
      'openForMax',
      'not be shorter than "openFor"',
    ),
  )

const healthCheck = () =>
  fields({
    path: optional(matching(/^\/[\x21-\x7e]{0,1023}$/, 'a path that begins with "/"')),
    interval: optional(duration(100, HOUR_MS)),
    timeout: optional(duration(10, 60_000)),
    rise: optional(whole(1, 100)),
    fall: optional(whole(1, 100)),
  }).check(
    rule(
      ({ interval, timeout }) => readMs(timeout, 0) <= readMs(interval, HOUR_MS),
      'timeout',
      'not be longer than "interval"',
    ),
  )

const METHOD = /^(?!(?:CONNECT|TRACE)$)[A-Z][A-Z-]{0,31}$/

export const placementSchema = lazy(() =>
  fields({
    kind: optional(oneOf('tier', 'dedicated')),
    /** Each is read by endpoint.ts. */
    endpoints: list(z.unknown(), 1, MAX_ENDPOINTS),
    fallback: optional(list(text(), 0, 16)),
    whenOpen: optional(oneOf('reject', 'default')),
    balance: optional(oneOf('round-robin', 'weighted', 'least-requests', 'rendezvous')),
    circuitBreaker: optional(circuitBreaker()),
    healthCheck: optional(z.nullable(healthCheck())),
    concurrencyLimit: optional(z.nullable(whole(1, 1_000_000))),
    /** Up to 1 TiB. */
    maxRequestBodyBytes: optional(z.nullable(whole(1, 2 ** 40))),
    timeouts: optional(
      fields({
        headers: optional(duration(10, HOUR_MS)),
        idle: optional(z.nullable(duration(100, DAY_MS))),
        total: optional(z.nullable(duration(100, DAY_MS))),
      }),
    ),
    retry: optional(
      fields({
        attempts: optional(whole(0, 10)),
        methods: optional(
          list(matching(METHOD, 'a method in capitals, not CONNECT or TRACE'), 0, 16),
        ),
        maxBufferedBodyBytes: optional(whole(0, 2 ** 20)),
      }),
    ),
  }),
)

export type PlacementDocument = z.infer<ReturnType<typeof placementSchema>>

export const endpointSchema = lazy(() =>
  fields({
    url: optional(text()),
    service: optional(text()),
    dispatch: optional(text()),
    script: optional(text()),
    weight: optional(whole(0, 1_000)),
  }),
)

export type EndpointDocument = z.infer<ReturnType<typeof endpointSchema>>

export const keySourceSchema = lazy(() =>
  fields({
    header: optional(text()),
    query: optional(text()),
    cookie: optional(text()),
    host: optional(text()),
    path: optional(text()),
  }),
)

export const documentSchema = lazy(() =>
  fields({
    $schema: optional(text()),
    schema: z.unknown(),
    label: optional(matching(/^[\s\S]{0,1000}$/, 'at most 1000 characters')),
    /** Each is read by key-source.ts. */
    routingKey: optional(list(z.unknown(), 1, MAX_KEY_SOURCES)),
    /** Both tables are walked by check.ts. */
    routingTable: optional(z.unknown()),
    defaultPlacement: text(),
    escapedSlashes: optional(oneOf('keep', 'reject')),
    trustForwarded: optional(scalar<boolean>('boolean', () => '')),
    placements: optional(z.unknown()),
  }),
)

export type Document = z.infer<ReturnType<typeof documentSchema>>
