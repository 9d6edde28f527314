import { fail, type Result, succeed } from '../result.ts'
import type { Findings, Path } from './findings.ts'
import { nameType, reportIssues } from './issues.ts'
import { isFields } from './plain.ts'
import { keySourceSchema } from './schema.ts'
import type { KeySource } from './snapshot.ts'

/** RFC 9110 section 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/
const HOST_LABEL = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/
/** RFC 3986 section 3.3, without ":" and "*", which have a meaning in a pattern. */
const SEGMENT = /^(?:[A-Za-z0-9._~!$&'()+,;=@-]|%[0-9A-Fa-f]{2})+$/
const DOT_SEGMENT = /^(?:\.|%2e){1,2}$/i

/** Reads one element of `routingKey`; null when something about it was reported. */
export function readKeySource(raw: unknown, path: Path, findings: Findings): KeySource | null {
  if (!isFields(raw)) {
    findings.add(path, 'wrong_type', `must be an object, not ${nameType(raw)}`)
    return null
  }
  if (Object.hasOwn(raw, 'claim')) {
    findings.add([...path, 'claim'], 'not_available', '"claim" needs authentication, which is off')
    return null
  }
  const read = keySourceSchema().safeParse(raw, { reportInput: true })
  if (!read.success) {
    reportIssues(findings, path, read.error.issues)
    return null
  }
  const [given, ...others] = Object.entries(read.data)
  if (given === undefined || others.length > 0) {
    const message = 'needs exactly one of "header", "query", "cookie", "host" and "path"'
    findings.add(path, 'invalid_source', message)
    return null
  }
  const [kind, pattern] = given
  const source = readPattern(kind, pattern ?? '')
  if (source.ok) return source.value
  findings.add([...path, kind], 'invalid_value', source.error)
  return null
}

/** What two sources that read the same place have in common. */
export function identify(source: KeySource): string {
  const place = 'name' in source ? source.name : source.pattern
  return `${source.kind} ${source.kind === 'header' ? place.toLowerCase() : place}`
}

function readPattern(kind: string, pattern: string): Result<KeySource, string> {
  switch (kind) {
    case 'header':
    case 'cookie':
      return TOKEN.test(pattern) ? succeed({ kind, name: pattern }) : fail(`must be a ${kind} name`)
    case 'query':
      if (pattern.length >= 1 && pattern.length <= 128) return succeed({ kind, name: pattern })
      return fail('must be the name of a query parameter, at most 128 characters')
    case 'host':
      return readHostPattern(pattern)
    default:
      return readPathPattern(pattern)
  }
}

function readHostPattern(pattern: string): Result<KeySource, string> {
  const [first, ...labels] = pattern.toLowerCase().split('.')
  if (first !== ':key' || labels.length === 0 || !labels.every((label) => HOST_LABEL.test(label))) {
    return fail('must be ":key" and a domain, such as ":key.example.com"')
  }
  return succeed({ kind: 'host', pattern, suffix: `.${labels.join('.')}` })
}

function readPathPattern(pattern: string): Result<KeySource, string> {
  const [root, ...parts] = pattern.split('/')
  const rest = parts.at(-1) === '*'
  const segments = (rest ? parts.slice(0, -1) : parts).map((part) =>
    part === ':key' ? null : part,
  )
  const isFine = segments.every((part) => part === null || isPlainSegment(part))
  if (root !== '' || !isFine || segments.filter((part) => part === null).length !== 1) {
    return fail('must be a path with one ":key" segment, such as "/t/:key" or "/t/:key/*"')
  }
  return succeed({ kind: 'path', pattern, segments, rest })
}

function isPlainSegment(part: string): boolean {
  return SEGMENT.test(part) && !DOT_SEGMENT.test(part)
}
