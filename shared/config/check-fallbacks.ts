import { type Findings, quote } from './findings.ts'
import type { Json, JsonObject } from './json.ts'
import type { Names } from './names.ts'
import { isObject } from './plain.ts'

/** Placement → the names in its `fallback` that exist and are not its own. */
type Graph = ReadonlyMap<string, readonly string[]>

const MAX_NAMES_IN_MESSAGE = 10

/** Every fallback exists, is another placement, is listed once, and leads back nowhere. */
export function checkFallbacks(placements: JsonObject, names: Names, findings: Findings): void {
  const graph = new Map<string, readonly string[]>()
  for (const [name, placement] of placements) {
    const fallback = isObject(placement) ? placement.get('fallback') : undefined
    if (Array.isArray(fallback)) graph.set(name, checkList(name, fallback, names, findings))
  }
  reportCycles(graph, findings)
}

function checkList(
  name: string,
  fallback: readonly Json[],
  names: Names,
  findings: Findings,
): readonly string[] {
  const kept = new Set<string>()
  for (const [index, target] of fallback.entries()) {
    if (typeof target !== 'string') continue
    const path = ['placements', name, 'fallback', index]
    if (target === name) {
      findings.add(path, 'fallback_to_itself', `${quote(name)} falls back to itself`)
    } else if (!names.has(target)) {
      findings.add(
        path,
        'unknown_placement',
        () => `fallback is the ${names.describeUnknown(target)}`,
      )
    } else if (kept.has(target)) {
      findings.add(path, 'duplicate_fallback', `${quote(target)} is listed more than once`)
    } else {
      kept.add(target)
    }
  }
  return [...kept]
}

/**
 * Depth first; an edge to a placement on the trail closes a cycle. The recursion is as deep as there
 * are placements, at most.
 */
function reportCycles(graph: Graph, findings: Findings): void {
  const trail: string[] = []
  const seen = new Set<string>()
  const visit = (name: string) => {
    seen.add(name)
    trail.push(name)
    for (const target of graph.get(name) ?? []) {
      const start = seen.has(target) ? trail.indexOf(target) : -1
      if (start >= 0) reportCycle(trail.slice(start), findings)
      if (!seen.has(target)) visit(target)
    }
    trail.pop()
  }
  for (const name of graph.keys()) if (!seen.has(name)) visit(name)
}

/** The pointer is that of the edge that closes the cycle. */
function reportCycle(cycle: readonly string[], findings: Findings): void {
  const [first = ''] = cycle
  const shown = cycle.slice(0, MAX_NAMES_IN_MESSAGE)
  const skipped = cycle.length > shown.length ? ['…'] : []
  const message = `fallback cycle: ${[...shown, ...skipped, first].join(' → ')}`
  findings.add(['placements', cycle.at(-1) ?? '', 'fallback'], 'fallback_cycle', message)
}
