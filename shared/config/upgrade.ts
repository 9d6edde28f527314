import { printDuration } from '../duration.ts'
import type { Findings } from './findings.ts'
import { parseGoDuration } from './go-duration.ts'
import { nameType } from './issues.ts'
import type { Json, JsonObject } from './json.ts'
import { isObject } from './plain.ts'

/**
 * A document of the baseline's formats, rewritten as schema 1. It is not checked here: what is
 * wrong in it stays wrong, is found by the checks of schema 1, and `locate` turns their pointers
 * back into pointers of the document that was sent.
 */
export interface Upgraded {
  readonly document: JsonObject
  /** null: the document is in schema 1 already. */
  readonly locate: ((pointer: string) => string) | null
}

const EMPTY: JsonObject = new Map()

/** Pointer inside a placement of schema 1 → inside one of the baseline's. The longest match wins. */
const FIELDS: readonly (readonly [current: string, baseline: string])[] = [
  ['/endpoints', '/url'],
  ['/fallback', '/fallback'],
  ['/circuitBreaker/consecutiveFailures', '/circuit_breaker/failure_threshold'],
  ['/circuitBreaker/openFor', '/circuit_breaker/timeout'],
  ['/circuitBreaker', '/circuit_breaker'],
  ['/healthCheck/path', '/health_check/path'],
  ['/healthCheck/interval', '/health_check/interval'],
  ['/healthCheck/timeout', '/health_check/timeout'],
  ['/healthCheck', '/health_check'],
  ['/concurrencyLimit', '/concurrency_limit'],
  ['/maxRequestBodyBytes', '/max_request_body_bytes'],
]

/** The two formats may be mixed: an address in `cellEndpoints` wins over a `url`. */
export function upgradeBaseline(document: JsonObject, findings: Findings): Upgraded {
  checkVersion(document.get('version'), findings)
  const addresses = readTable(document, 'cellEndpoints', findings)
  const settings = readTable(document, 'placements', findings)
  const placements = new Map<string, Json>()
  for (const [name, url] of addresses) {
    placements.set(name, upgradePlacement(name, settings.get(name) ?? EMPTY, url))
  }
  for (const [name, placement] of settings) {
    if (!placements.has(name)) placements.set(name, upgradePlacement(name, placement, undefined))
  }
  const upgraded = new Map<string, Json>([
    ['schema', 1],
    ['label', document.get('version') ?? ''],
    ['routingTable', document.get('routingTable') ?? EMPTY],
    ['placements', placements],
  ])
  copy(document, 'defaultPlacement', upgraded, 'defaultPlacement')
  return { document: upgraded, locate: (pointer) => locate(pointer, addresses) }
}

function checkVersion(version: Json | undefined, findings: Findings): void {
  if (version !== undefined && version !== null && version !== '') return
  const message =
    'version must not be empty (a document without "schema" is read in the format of the baseline; "schema": 1 is the current one)'
  findings.add(['version'], 'missing_version', message)
}

function readTable(document: JsonObject, field: string, findings: Findings): JsonObject {
  const table = document.get(field) ?? EMPTY
  if (isObject(table)) return table
  findings.add([field], 'wrong_type', `must be object, not ${nameType(table)}`)
  return EMPTY
}

function upgradePlacement(name: string, given: Json, address: Json | undefined): Json {
  if (!isObject(given)) return given
  const url = address ?? given.get('url') ?? ''
  const upgraded = new Map<string, Json>([
    ['kind', /^tier[1-9]$/.test(name) ? 'tier' : 'dedicated'],
    ['endpoints', [url]],
    ['circuitBreaker', upgradeCircuitBreaker(given.get('circuit_breaker') ?? EMPTY)],
  ])
  const fallback = given.get('fallback') ?? ''
  if (fallback !== '') upgraded.set('fallback', [fallback])
  const healthCheck = given.get('health_check') ?? null
  if (healthCheck !== null) upgraded.set('healthCheck', upgradeHealthCheck(healthCheck))
  copy(given, 'concurrency_limit', upgraded, 'concurrencyLimit')
  copy(given, 'max_request_body_bytes', upgraded, 'maxRequestBodyBytes')
  return upgraded
}

/** With the baseline's own behaviour where schema 1 has another default. */
function upgradeCircuitBreaker(given: Json): Json {
  if (!isObject(given)) return given
  const timeout = upgradeDuration(given, 'timeout') ?? '30s'
  const halfOpen: JsonObject = new Map<string, Json>([
    ['probes', 1],
    ['maxFailures', 0],
    ['concurrent', 1],
  ])
  return new Map<string, Json>([
    ['consecutiveFailures', readValue(given, 'failure_threshold') ?? 5],
    ['openFor', timeout],
    ['openForMax', timeout],
    ['jitter', 0],
    ['window', null],
    ['halfOpen', halfOpen],
    ['recovery', '0s'],
  ])
}

function upgradeHealthCheck(given: Json): Json {
  if (!isObject(given)) return given
  const upgraded = new Map<string, Json>([
    ['rise', 1],
    ['fall', 1],
  ])
  const path = given.get('path') ?? ''
  if (path !== '') upgraded.set('path', path)
  for (const field of ['interval', 'timeout']) {
    const duration = upgradeDuration(given, field)
    if (duration !== undefined) upgraded.set(field, duration)
  }
  return upgraded
}

/** undefined: absent, null, empty or zero. What is no duration stays as it is. */
function upgradeDuration(from: JsonObject, field: string): Json | undefined {
  const given = readValue(from, field)
  const ms = typeof given === 'string' ? parseGoDuration(given) : null
  if (given === '' || ms === 0) return undefined
  return ms === null ? given : printDuration(ms)
}

/** Zero is how the baseline's documents leave out a number or a duration, as is null. */
function readValue(from: JsonObject, field: string): Json | undefined {
  return from.get(field) === 0 ? undefined : (from.get(field) ?? undefined)
}

function copy(from: JsonObject, field: string, to: Map<string, Json>, name: string): void {
  const value = readValue(from, field)
  if (value !== undefined) to.set(name, value)
}

function locate(pointer: string, addresses: JsonObject): string {
  if (pointer === '/label') return '/version'
  const [, name, field = ''] = /^\/placements\/([^/]*)(.*)$/.exec(pointer) ?? []
  if (name === undefined) return pointer
  if (field === '' || field.startsWith('/endpoints')) {
    const isAddress = addresses.has(name.replaceAll('~1', '/').replaceAll('~0', '~'))
    if (isAddress) return `/cellEndpoints/${name}`
  }
  const known = FIELDS.find(([current]) => field.startsWith(current))
  return known === undefined ? pointer : `/placements/${name}${known[1]}`
}
