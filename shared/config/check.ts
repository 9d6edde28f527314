import { checkFallbacks } from './check-fallbacks.ts'
import { checkPlacements } from './check-placements.ts'
import type { Config } from './config.ts'
import type { EndpointContext } from './endpoint.ts'
import { type Findings, quote } from './findings.ts'
import { nameType, reportIssues } from './issues.ts'
import type { Json, JsonObject } from './json.ts'
import { identify, readKeySource } from './key-source.ts'
import { MAX_PLACEMENTS, MAX_ROUTING_KEY_BYTES, MAX_ROUTING_KEYS } from './limits.ts'
import { collectNames, type Names } from './names.ts'
import { isObject, toPlain } from './plain.ts'
import { type Document, documentSchema } from './schema.ts'
import type { KeySource } from './snapshot.ts'

/**
 * Checks a document of schema 1 as a whole. Whatever is wrong goes to `findings`, all of it at
 * once; the config comes back when nothing was.
 */
export function checkDocument(
  document: JsonObject,
  context: EndpointContext,
  findings: Findings,
): Config | null {
  const fields = checkFields(document, findings)
  const routingKey = checkKeySources(document.get('routingKey'), findings)
  const tables = checkTables(document, context, findings)
  if (fields === null || tables === null || !findings.isEmpty) return null
  return {
    label: fields.label ?? '',
    routingKey,
    routingTable: tables.routingTable,
    defaultPlacement: fields.defaultPlacement,
    escapedSlashes: fields.escapedSlashes ?? 'keep',
    trustForwarded: fields.trustForwarded ?? true,
    placements: tables.placements,
  }
}

function checkFields(document: JsonObject, findings: Findings): Document | null {
  const fields = new Map(document)
  fields.delete('routingTable')
  fields.delete('placements')
  const read = documentSchema().safeParse(toPlain(fields), { reportInput: true })
  if (read.success) return read.data
  reportIssues(findings, [], read.error.issues)
  return null
}

function checkKeySources(raw: Json | undefined, findings: Findings): readonly KeySource[] {
  if (raw === undefined) return [{ kind: 'header', name: 'X-Routing-Key' }]
  const list = toPlain(raw)
  const sources: KeySource[] = []
  const seen = new Set<string>()
  for (const [index, item] of Array.isArray(list) ? list.entries() : []) {
    const source = readKeySource(item, ['routingKey', index], findings)
    if (source === null) continue
    if (seen.has(identify(source))) {
      findings.add(['routingKey', index], 'duplicate_source', 'is the same as an earlier source')
    }
    seen.add(identify(source))
    sources.push(source)
  }
  return sources
}

function checkTables(
  document: JsonObject,
  context: EndpointContext,
  findings: Findings,
): Pick<Config, 'routingTable' | 'placements'> | null {
  const table = requireObject(document, 'routingTable', findings)
  const placements = requireObject(document, 'placements', findings)
  if (table !== null && table.size > MAX_ROUTING_KEYS) {
    const message = `must not hold more than ${MAX_ROUTING_KEYS} keys; there are ${table.size}`
    findings.add(['routingTable'], 'too_many', message)
    return null
  }
  if (placements === null) return null
  if (placements.size > MAX_PLACEMENTS) {
    const message = `must not hold more than ${MAX_PLACEMENTS} placements; there are ${placements.size}`
    findings.add(['placements'], 'too_many_placements', message)
    return null
  }
  const names = collectNames(placements.keys())
  const defaultPlacement = document.get('defaultPlacement')
  if (typeof defaultPlacement === 'string' && !names.has(defaultPlacement)) {
    findings.add(['defaultPlacement'], 'unknown_placement', () => {
      return `defaultPlacement is the ${names.describeUnknown(defaultPlacement)}`
    })
  }
  const complete = checkPlacements(placements, context, findings)
  checkFallbacks(placements, names, findings)
  if (table === null || !checkRoutingTable(table, names, findings)) return null
  return { routingTable: table, placements: complete }
}

function requireObject(document: JsonObject, field: string, findings: Findings): JsonObject | null {
  const value = document.get(field)
  if (isObject(value)) return value
  if (value === undefined) findings.add([field], 'missing_field', `"${field}" is required`)
  else findings.add([field], 'wrong_type', `must be object, not ${nameType(value)}`)
  return null
}

/** By hand, because the table may hold 100,000 keys and more. */
function checkRoutingTable(
  table: JsonObject,
  names: Names,
  findings: Findings,
): table is ReadonlyMap<string, string> {
  let isTable = true
  for (const [key, target] of table) {
    if (typeof target !== 'string') {
      isTable = false
      findings.add(['routingTable', key], 'wrong_type', `must be string, not ${nameType(target)}`)
    } else if (!names.has(target)) {
      findings.add(['routingTable', key], 'unknown_placement', () => {
        return `routingTable[${quote(key)}] is the ${names.describeUnknown(target)}`
      })
    }
    if (isOverlong(key)) {
      const message = `a routing key must not be longer than ${MAX_ROUTING_KEY_BYTES} bytes`
      findings.add(['routingTable', key], 'key_too_long', message)
    }
  }
  return isTable
}

/** Three bytes is the most that a UTF-16 code unit takes in UTF-8. */
function isOverlong(key: string): boolean {
  if (key.length * 3 <= MAX_ROUTING_KEY_BYTES) return false
  return new TextEncoder().encode(key).length > MAX_ROUTING_KEY_BYTES
}
