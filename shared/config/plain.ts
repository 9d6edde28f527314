import type { Json, JsonObject } from './json.ts'
import { MAX_ENDPOINTS } from './limits.ts'
import { FIELD_NAMES } from './schema.ts'

/** Above every limit on a list, so that a list that is cut is still reported as too long. */
const MAX_BREADTH = 2 * MAX_ENDPOINTS

/**
 * A tree as plain objects, for a schema. Lists and objects are cut at `MAX_BREADTH`: a schema makes
 * an issue per element, and a document of a million wrong elements must not become a million issues.
 * Known fields are never cut, or they would be reported as missing.
 */
export function toPlain(value: Json): unknown {
  if (value instanceof Map) return toPlainObject(value)
  if (Array.isArray(value)) return value.slice(0, MAX_BREADTH).map(toPlain)
  return value
}

function toPlainObject(members: JsonObject): Fields {
  const isKept = ([key]: [string, Json], at: number) => at < MAX_BREADTH || FIELD_NAMES.has(key)
  const entries = [...members].filter(isKept)
  return Object.fromEntries(entries.map(([key, member]) => [key, toPlain(member)]))
}

export type Fields = Readonly<Record<string, unknown>>

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isObject(value: Json | undefined): value is JsonObject {
  return value instanceof Map
}
