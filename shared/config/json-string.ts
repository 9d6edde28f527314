/** A string token: its value and the position after it, or what is wrong and where. */
export type StringToken =
  | { readonly value: string; readonly end: number; readonly error?: never }
  | { readonly value?: never; readonly end: number; readonly error: string }

export const LONE_SURROGATE = 'A lone surrogate is not a character'

const QUOTE = 34
const BACKSLASH = 92
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y

/**
 * Reads the string whose opening quote is at `start`. The fast path is a slice; a string with
 * escapes is checked here and decoded by the engine.
 */
export function scanString(text: string, start: number): StringToken {
  let at = start + 1
  let escaped = false
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      return escaped
        ? decode(text, start, at + 1)
        : { value: text.slice(start + 1, at), end: at + 1 }
    }
    if (code === BACKSLASH) {
      ESCAPE.lastIndex = at
      if (!ESCAPE.test(text)) return { end: at, error: 'The escape in the string is not valid' }
      at = ESCAPE.lastIndex
      escaped = true
      continue
    }
    if (code < 0x20) {
      return { end: at, error: 'A control character in a string must be escaped' }
    }
    at += 1
  }
  return { end: text.length, error: 'The text ends inside a string' }
}

function decode(text: string, start: number, end: number): StringToken {
  const value: unknown = JSON.parse(text.slice(start, end))
  if (typeof value === 'string' && value.isWellFormed()) return { value, end }
  return { end: start, error: LONE_SURROGATE }
}
