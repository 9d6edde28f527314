import { printDuration } from '../duration.ts'
import type { PlacementConfig } from './config.ts'
import { isFields } from './plain.ts'
import type { Endpoint, KeySource } from './snapshot.ts'

/** A config in the words of a document of schema 1, every default written out. */

export const describePlacement = (placement: PlacementConfig) =>
  describe({ ...placement, endpoints: placement.endpoints.map(describeEndpoint) })

/** At any depth: `openForMs: 30000` → `openFor: "30s"`. */
function describe(value: unknown): unknown {
  if (!isFields(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) =>
      name.endsWith('Ms')
        ? [name.slice(0, -2), typeof field === 'number' ? printDuration(field) : field]
        : [name, describe(field)],
    ),
  )
}

function describeEndpoint(endpoint: Endpoint) {
  const { weight } = endpoint
  switch (endpoint.kind) {
    case 'url':
      return { url: endpoint.base, weight }
    case 'service':
      return { service: endpoint.binding, weight }
    case 'dispatch':
      return { dispatch: endpoint.binding, script: endpoint.script, weight }
  }
}

export function describeKeySource(source: KeySource): Readonly<Record<string, string>> {
  return { [source.kind]: 'name' in source ? source.name : source.pattern }
}
