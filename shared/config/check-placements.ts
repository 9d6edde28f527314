import { completePlacement } from './complete.ts'
import type { PlacementConfig } from './config.ts'
import { type EndpointContext, readEndpoint } from './endpoint.ts'
import { type Findings, type Path, quote } from './findings.ts'
import { reportIssues } from './issues.ts'
import type { Json, JsonObject } from './json.ts'
import { MAX_PLACEMENT_NAME_LENGTH } from './limits.ts'
import { toPlain } from './plain.ts'
import { placementSchema } from './schema.ts'
import type { Endpoint } from './snapshot.ts'

/** Printable ASCII: a name travels in the header X-Routed-To and in paths. */
const NAME = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/

/** The placements that are fine by themselves; their fallbacks are not looked at here. */
export function checkPlacements(
  placements: JsonObject,
  context: EndpointContext,
  findings: Findings,
): ReadonlyMap<string, PlacementConfig> {
  const complete = new Map<string, PlacementConfig>()
  if (placements.size === 0) {
    findings.add(['placements'], 'no_placement', 'needs at least one placement')
  }
  checkNames(placements.keys(), findings)
  for (const [name, raw] of placements) {
    if (findings.isFull) break
    const placement = checkPlacement(raw, ['placements', name], context, findings)
    if (placement !== null) complete.set(name, placement)
  }
  return complete
}

function checkNames(names: Iterable<string>, findings: Findings): void {
  const seen = new Map<string, string>()
  for (const name of names) {
    if (!NAME.test(name) || name.length > MAX_PLACEMENT_NAME_LENGTH || /^\.{1,2}$/.test(name)) {
      const message = `a name is 1 to ${MAX_PLACEMENT_NAME_LENGTH} printable ASCII characters`
      findings.add(['placements', name], 'invalid_name', message)
    }
    const folded = name.normalize('NFKC').toLowerCase()
    const twin = seen.get(folded)
    if (twin !== undefined) {
      const message = `the name differs from ${quote(twin)} only by case or Unicode form`
      findings.add(['placements', name], 'name_collision', message)
    }
    seen.set(folded, name)
  }
}

function checkPlacement(
  raw: Json,
  path: Path,
  context: EndpointContext,
  findings: Findings,
): PlacementConfig | null {
  const plain = toPlain(raw)
  const read = placementSchema().safeParse(plain, { reportInput: true })
  if (!read.success) reportIssues(findings, path, read.error.issues)
  const listed = raw instanceof Map ? toPlain(raw.get('endpoints') ?? null) : null
  const list: readonly unknown[] = Array.isArray(listed) ? listed : []
  const endpoints: Endpoint[] = []
  for (const [index, item] of list.entries()) {
    const endpoint = readEndpoint(item, [...path, 'endpoints', index], context, findings)
    if (endpoint !== null) endpoints.push(endpoint)
  }
  return read.success ? completePlacement(read.data, endpoints) : null
}
