import type { KeySource } from '../config/snapshot.ts'
import type { Problem } from '../problem/problem.ts'
import { fail, type Result, succeed } from '../result.ts'
import type { Target } from './path.ts'

/** What the sources of a routing key may look at. */
export interface KeyCarrier {
  readonly headers: { get(name: string): string | null }
  readonly target: Target
}

export interface FoundKey {
  readonly key: string
  readonly source: KeySource
}

const LONGEST_KEY_BYTES = 256
const CONTROL = /\p{Cc}/u
const BEYOND_ASCII = /[^\0-\x7f]/
const BEYOND_LATIN1 = /[^\0-\xff]/

/** The source of documents that name none, and of the router before it holds any. */
export const DEFAULT_KEY_SOURCES: readonly KeySource[] = [{ kind: 'header', name: 'x-routing-key' }]

/**
 * The routing key of a request: sources are tried in order and the first one present decides, even
 * when what it holds is refused. null: no source gave one. A key is 1 to 256 bytes of UTF-8 without
 * control characters, compared exactly.
 */
export function findRoutingKey(
  sources: readonly KeySource[],
  carrier: KeyCarrier,
): Result<FoundKey | null, Problem> {
  for (const source of sources) {
    const found = read(source, carrier)
    if (found === null) continue
    const reason = found === AMBIGUOUS ? 'is given more than once' : findFault(found)
    if (reason !== undefined)
      return fail({
        code: 'invalid_routing_key',
        detail: `The routing key from the ${describeSource(source)} ${reason}`,
      })
    return succeed({ key: found, source })
  }
  return succeed(null)
}

/** "X-Routing-Key header", "query parameter tenant", … as people name it. */
export function describeSource(source: KeySource): string {
  switch (source.kind) {
    case 'header':
      return `${source.name === 'x-routing-key' ? 'X-Routing-Key' : source.name} header`
    case 'query':
      return `query parameter ${source.name}`
    case 'cookie':
      return `cookie ${source.name}`
    case 'host':
      return `host ${source.pattern}`
    case 'path':
      return `path ${source.pattern}`
  }
}

/** The refusal when no source gave a key. */
export function describeMissingKey(sources: readonly KeySource[]): Problem {
  const names = sources.map(describeSource).join(' or ')
  return { code: 'missing_routing_key', detail: `${names} is required` }
}

/** Not a key that anybody can send: control characters are refused. */
const AMBIGUOUS = '\0more than once'

function findFault(key: string): string | undefined {
  if (key === '') return 'is empty'
  if (CONTROL.test(key)) return 'has a control character'
  if (key.length > LONGEST_KEY_BYTES || countBytes(key) > LONGEST_KEY_BYTES)
    return `is longer than ${LONGEST_KEY_BYTES} bytes`
  return undefined
}

const countBytes = (key: string): number =>
  BEYOND_ASCII.test(key) ? new TextEncoder().encode(key).length : key.length

function read(source: KeySource, carrier: KeyCarrier): string | null {
  switch (source.kind) {
    case 'header':
      return readHeader(carrier.headers.get(source.name))
    case 'query':
      return readQuery(carrier.target.query, source.name)
    case 'cookie':
      return readCookie(carrier.headers.get('cookie'), source.name)
    case 'host':
      return readHost(carrier.target.host, source.suffix)
    case 'path':
      return readPath(carrier.target.path, source.segments, source.rest)
  }
}

/** Two lines of a header reach us joined by a comma: which of them was meant is not ours to guess. */
function readHeader(value: string | null): string | null {
  if (value === null) return null
  if (value.includes(',')) return AMBIGUOUS
  return trimBlanks(readUtf8(value))
}

/** Optional white space of HTTP is these two (RFC 9110 section 5.6.3); others belong to the value. */
const trimBlanks = (text: string): string => text.replace(/^[ \t]+|[ \t]+$/g, '')

/** Platforms hand a header over as Latin-1 bytes or already decoded; valid UTF-8 is read as such. */
function readUtf8(value: string): string {
  if (!BEYOND_ASCII.test(value) || BEYOND_LATIN1.test(value)) return value
  const bytes = Uint8Array.from(value, (character) => character.charCodeAt(0))
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return value
  }
}

function readQuery(query: string, name: string): string | null {
  if (query.length < 2) return null
  const values = new URLSearchParams(query).getAll(name)
  if (values.length > 1) return AMBIGUOUS
  return values[0] ?? null
}

/** RFC 6265 section 5.4 leaves the order of equal names to the client, so two values are ambiguous. */
function readCookie(header: string | null, name: string): string | null {
  if (header === null) return null
  let found: string | null = null
  for (const pair of header.split(/[;,]/)) {
    const equals = pair.indexOf('=')
    if (equals === -1 || trimBlanks(pair.slice(0, equals)) !== name) continue
    const value = unquote(trimBlanks(pair.slice(equals + 1)))
    if (found !== null && found !== value) return AMBIGUOUS
    found = value
  }
  return found
}

const unquote = (value: string): string =>
  value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value

/** One label before the suffix: ":key.example.com" takes "acme" from "acme.example.com" only. */
function readHost(host: string, suffix: string): string | null {
  if (!host.endsWith(suffix)) return null
  const label = host.slice(0, -suffix.length)
  return label === '' || label.includes('.') ? null : label
}

function readPath(
  path: string,
  pattern: readonly (string | null)[],
  allowsRest: boolean,
): string | null {
  const segments = path.slice(1).split('/')
  if (segments.length < pattern.length) return null
  if (!allowsRest && segments.length > pattern.length) return null
  let key: string | null = null
  for (const [index, expected] of pattern.entries()) {
    const segment = segments[index] ?? ''
    if (expected === null) key = segment
    else if (expected !== segment) return null
  }
  return key === null ? null : decodeOnce(key)
}

/** Percent-decoded once; an encoding that is not UTF-8 is no key. */
function decodeOnce(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return '\0malformed'
  }
}
