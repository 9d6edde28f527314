import { fail, type Result, succeed } from '../result.ts'
import { Findings, quote } from './findings.ts'
import { LONE_SURROGATE, scanString } from './json-string.ts'
import { MAX_FINDINGS } from './limits.ts'

/**
 * A JSON text (RFC 8259) as a tree. Objects are Maps: they keep the order of the document, and no
 * key, `__proto__` included, can reach a prototype.
 */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export type JsonObject = ReadonlyMap<string, Json>

/** Line and column count from 1, columns in UTF-16 code units. */
export interface JsonError {
  readonly line: number
  readonly column: number
  readonly message: string
}

export const FORBIDDEN_KEYS: ReadonlySet<string> = new Set([
  '__proto__',
  'constructor',
  'prototype',
])

const MAX_DEPTH = 64
/** Objects and arrays together: a bound on memory, several times what 2,000 placements need. */
const MAX_CONTAINERS = 250_000

const TAB = 9
const LINE_FEED = 10
const RETURN = 13
const SPACE = 32
const QUOTE = 34
const COMMA = 44
const COLON = 58
const OPEN_BRACKET = 91
const CLOSE_BRACKET = 93
const OPEN_BRACE = 123
const CLOSE_BRACE = 125

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y

const WORDS = [
  ['true', true],
  ['false', false],
  ['null', null],
] as const

interface Scanner {
  readonly text: string
  at: number
  containers: number
  /** The keys and indexes that lead to the value being read. */
  readonly path: (string | number)[]
  readonly findings: Findings
}

class JsonSyntaxError extends Error {
  readonly at: number
  constructor(at: number, message: string) {
    super(message)
    this.at = at
  }
}

/**
 * Strict: one value, no trailing text, no lone surrogates, numbers within a double's range, at most
 * 64 levels (so that it can be recursive). A leading byte order mark is skipped. Reported are
 * `duplicate_key` (the last value is kept) and `forbidden_key` (the member is left out).
 */
export function parseJson(
  text: string,
  findings = new Findings(MAX_FINDINGS),
): Result<Json, JsonError> {
  const start = text.charCodeAt(0) === 0xfeff ? 1 : 0
  const scanner: Scanner = { text, at: start, containers: 0, path: [], findings }
  try {
    if (!text.isWellFormed()) stop(text.search(/\p{Surrogate}/u), LONE_SURROGATE)
    const value = readValue(scanner)
    skipSpace(scanner)
    if (scanner.at < text.length) stopAt(scanner, 'the end of the document')
    return succeed(value)
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    return fail({ ...locate(text, start, error.at), message: error.message })
  }
}

function readValue(scanner: Scanner): Json {
  skipSpace(scanner)
  switch (scanner.text.charCodeAt(scanner.at)) {
    case QUOTE:
      return readString(scanner)
    case OPEN_BRACE:
      return readObject(scanner)
    case OPEN_BRACKET:
      return readArray(scanner)
    default:
      return readScalar(scanner)
  }
}

function readObject(scanner: Scanner): JsonObject {
  enter(scanner)
  const members = new Map<string, Json>()
  const depth = scanner.path.length
  if (nextIs(scanner, CLOSE_BRACE)) return members
  do {
    skipSpace(scanner)
    if (scanner.text.charCodeAt(scanner.at) !== QUOTE) stopAt(scanner, 'a key in double quotes')
    const key = readString(scanner)
    if (!nextIs(scanner, COLON)) stopAt(scanner, '":" after a key')
    scanner.path[depth] = key
    const value = readValue(scanner)
    scanner.path.length = depth
    addMember(scanner, members, key, value)
  } while (nextIs(scanner, COMMA))
  if (!nextIs(scanner, CLOSE_BRACE)) stopAt(scanner, '"," or "}"')
  return members
}

function addMember(scanner: Scanner, members: Map<string, Json>, key: string, value: Json): void {
  if (FORBIDDEN_KEYS.has(key)) {
    report(scanner, key, 'forbidden_key', 'must not be used as a key, at any depth')
    return
  }
  const before = members.size
  members.set(key, value)
  if (members.size === before) {
    report(scanner, key, 'duplicate_key', 'is given more than once in the same object')
  }
}

function readArray(scanner: Scanner): Json[] {
  enter(scanner)
  const items: Json[] = []
  const depth = scanner.path.length
  if (nextIs(scanner, CLOSE_BRACKET)) return items
  do {
    scanner.path[depth] = items.length
    items.push(readValue(scanner))
    scanner.path.length = depth
  } while (nextIs(scanner, COMMA))
  if (!nextIs(scanner, CLOSE_BRACKET)) stopAt(scanner, '"," or "]"')
  return items
}

function enter(scanner: Scanner): void {
  if (scanner.path.length >= MAX_DEPTH) {
    stop(scanner.at, `Values are nested deeper than ${MAX_DEPTH} levels`)
  }
  scanner.containers += 1
  if (scanner.containers > MAX_CONTAINERS) {
    stop(scanner.at, `There are more than ${MAX_CONTAINERS} objects and arrays`)
  }
  scanner.at += 1
}

function readString(scanner: Scanner): string {
  const found = scanString(scanner.text, scanner.at)
  if (found.error !== undefined) stop(found.end, found.error)
  scanner.at = found.end
  return found.value
}

function readScalar(scanner: Scanner): Json {
  const { text, at } = scanner
  NUMBER.lastIndex = at
  if (NUMBER.test(text)) {
    scanner.at = NUMBER.lastIndex
    const value = Number(text.slice(at, scanner.at))
    if (!Number.isFinite(value)) stop(at, 'The number is out of range')
    return value
  }
  for (const [word, value] of WORDS) {
    if (!text.startsWith(word, at)) continue
    scanner.at += word.length
    return value
  }
  return stopAt(scanner, 'a value')
}

function nextIs(scanner: Scanner, code: number): boolean {
  skipSpace(scanner)
  if (scanner.text.charCodeAt(scanner.at) !== code) return false
  scanner.at += 1
  return true
}

function skipSpace(scanner: Scanner): void {
  for (;;) {
    const code = scanner.text.charCodeAt(scanner.at)
    if (code !== SPACE && code !== LINE_FEED && code !== RETURN && code !== TAB) return
    scanner.at += 1
  }
}

function report(scanner: Scanner, key: string, code: string, message: string): void {
  scanner.findings.add([...scanner.path, key], code, () => `${quote(key)} ${message}`)
}

function stop(at: number, message: string): never {
  throw new JsonSyntaxError(at, message)
}

function stopAt(scanner: Scanner, expected: string): never {
  const found = scanner.text.codePointAt(scanner.at)
  const what =
    found === undefined ? 'The text ends' : `Found ${JSON.stringify(String.fromCodePoint(found))}`
  stop(scanner.at, `${what} where ${expected} was expected`)
}

function locate(text: string, start: number, at: number): { line: number; column: number } {
  let line = 1
  let lineStart = start
  for (let i = start; i < at; i++) {
    const code = text.charCodeAt(i)
    if (code === LINE_FEED || (code === RETURN && text.charCodeAt(i + 1) !== LINE_FEED)) {
      line += 1
      lineStart = i + 1
    }
  }
  return { line, column: at - lineStart + 1 }
}
