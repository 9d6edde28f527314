import type { Problem } from '../problem/problem.ts'
import { fail, type Result, succeed } from '../result.ts'

/**
 * The canonical form of a request's URL, computed once, before anything matches on it. The same
 * value serves matching, identity, logs and the upstream, so that no two of them can disagree
 * about where a request goes (the class of Envoy CVE-2019-9901 and Traefik CVE-2025-32431).
 *
 * Refused: encoded dot segments, `\` and `%5c`, `%00`, raw control bytes. Resolved: literal dot
 * segments. Percent-encoded: what the WHATWG URL standard encodes in a path, because `fetch`
 * would do it behind our back. All else is kept byte for byte (`%2f` opaque, `//` kept).
 */
export interface Target {
  readonly scheme: string
  /** Lower case, without trailing dot, with the port when one was named. */
  readonly authority: string
  /** The authority without its port. */
  readonly host: string
  readonly path: string
  /** With its leading `?`; empty when there is none. */
  readonly query: string
}

/** Every code point that the path percent-encode set of the URL standard leaves alone. */
const PLAIN_PATH = /^[\w\-.~!$&'()*+,;=:@/%|[\]]*$/
const NEEDS_A_LOOK = /\/\.|%(?:2e|5c|00)/i
const FORBIDDEN = /\\|\p{Cc}|%(?:5c|00)/iu
const ENCODED_DOT = /%2e/gi
const CONTROL = /\p{Cc}/u

export function canonicalizePath(url: string): Result<Target, Problem> {
  const authorityStart = url.indexOf('://') + 3
  const hash = url.indexOf('#', authorityStart)
  const end = hash === -1 ? url.length : hash
  const mark = url.indexOf('?', authorityStart)
  const pathEnd = mark === -1 || mark > end ? end : mark
  const pathStart = findPathStart(url, authorityStart, pathEnd)
  const raw = url.slice(pathStart, pathEnd)
  const path = isPlain(raw) ? raw || '/' : canonicalizeOddPath(raw)
  if (path === undefined) return fail({ code: 'invalid_path', detail: DETAIL })
  const query = url.slice(pathEnd, end)
  if (CONTROL.test(query)) return fail({ code: 'invalid_path', detail: DETAIL })
  const authority = canonicalizeAuthority(url.slice(authorityStart, pathStart))
  return succeed({
    scheme: url.slice(0, authorityStart - 3),
    authority,
    host: cutPort(authority),
    path,
    query,
  })
}

const DETAIL =
  'The path has an encoded dot segment, a backslash, a null byte or a control character'

const isPlain = (path: string): boolean => PLAIN_PATH.test(path) && !NEEDS_A_LOOK.test(path)

function findPathStart(url: string, from: number, end: number): number {
  for (let at = from; at < end; at++) {
    const code = url.charCodeAt(at)
    if (code === SLASH || code === BACKSLASH) return at
  }
  return end
}

const SLASH = 0x2f
const BACKSLASH = 0x5c

/** The slow way for paths with dots, or with characters that the URL standard encodes. */
function canonicalizeOddPath(raw: string): string | undefined {
  if (FORBIDDEN.test(raw)) return undefined
  for (const segment of raw.split('/')) {
    const decoded = segment.replace(ENCODED_DOT, '.')
    if (decoded !== segment && (decoded === '.' || decoded === '..')) return undefined
  }
  return new URL(`http://h${raw}`).pathname
}

const PLAIN_AUTHORITY = /^[a-z0-9\-.:]*[a-z0-9]$/

/** Lower case; one trailing dot of the name is dropped ("A.Test.:8080" → "a.test:8080"). */
function canonicalizeAuthority(raw: string): string {
  const lower = PLAIN_AUTHORITY.test(raw) ? raw : raw.toLowerCase()
  return lower.includes('.:') || lower.endsWith('.') ? lower.replace(/\.(?=:\d*$|$)/, '') : lower
}

function cutPort(authority: string): string {
  const colon = authority.lastIndexOf(':')
  return colon > authority.lastIndexOf(']') ? authority.slice(0, colon) : authority
}
