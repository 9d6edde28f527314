import { fail, type Result, succeed } from './result.ts'

const UNITS: readonly (readonly [unit: string, ms: number])[] = [
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
]

/** Why a text is not a duration, as the end of a sentence. */
export type DurationError = string

/**
 * Reads "250ms", "10s", "5m" or "1h": a whole number and one unit, no sign, no white space.
 * The value is in milliseconds and a safe integer.
 */
export function parseDuration(text: string): Result<number, DurationError> {
  const found = /^(\d+)(ms|s|m|h)$/.exec(text)
  const unitMs = UNITS.find(([unit]) => unit === found?.[2])?.[1]
  if (found === null || unitMs === undefined) {
    return fail('is not a duration: write a whole number and a unit, such as "250ms", "10s", "5m"')
  }
  const ms = Number(found[1]) * unitMs
  return Number.isSafeInteger(ms) ? succeed(ms) : fail('is too long')
}

/** Prints whole milliseconds in the largest unit that holds them exactly: 90000 → "90s". */
export function printDuration(ms: number): string {
  const [unit, unitMs] = UNITS.find(([, size]) => ms > 0 && ms % size === 0) ?? ['s', 1_000]
  return `${ms / unitMs}${unit}`
}
