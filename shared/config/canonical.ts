import type { Json } from './json.ts'

/** Characters that need no escape: most keys and names have no other. */
const PLAIN = /^[ !#-[\]-~]*$/

/**
 * Canonical JSON (RFC 8785): no white space, keys sorted by UTF-16 code units, numbers and strings
 * as ECMAScript prints them. Two documents with the same content print alike.
 */
export function printCanonical(value: Json): string {
  if (typeof value === 'string') return printString(value)
  if (value instanceof Map) {
    let text = ''
    for (const key of [...value.keys()].sort()) {
      text += `${text === '' ? '' : ','}${printString(key)}:${printCanonical(value.get(key) ?? null)}`
    }
    return `{${text}}`
  }
  if (Array.isArray(value)) return `[${value.map(printCanonical).join(',')}]`
  return JSON.stringify(value)
}

function printString(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text)
}
