import type { Config, PlacementConfig } from './config.ts'
import { describeKeySource, describePlacement } from './describe.ts'
import { printPointer } from './findings.ts'
import { isFields } from './plain.ts'

/** What one configuration changes against another. Keys and names are sorted. */
export interface ConfigDiff {
  readonly routingTable: {
    readonly added: readonly { readonly key: string; readonly to: string }[]
    readonly removed: readonly { readonly key: string; readonly from: string }[]
    readonly changed: readonly {
      readonly key: string
      readonly from: string
      readonly to: string
    }[]
  }
  readonly placements: {
    readonly added: readonly string[]
    readonly removed: readonly string[]
    readonly changed: readonly {
      readonly name: string
      /** JSON pointer inside the placement. */
      readonly pointer: string
      readonly from: unknown
      readonly to: unknown
    }[]
  }
  /** Present when it changed. */
  readonly defaultPlacement?: { readonly from: string; readonly to: string }
  /** Other top-level settings that changed (routingKey, escapedSlashes, trustForwarded). */
  readonly settings?: readonly {
    readonly pointer: string
    readonly from: unknown
    readonly to: unknown
  }[]
}

type PlacementChange = ConfigDiff['placements']['changed'][number]
type Setting = NonNullable<ConfigDiff['settings']>[number]

/** `from` null: nothing was published before, and everything in `to` is added. */
export function diffConfigs(from: Config | null, to: Config): ConfigDiff {
  const before = from?.placements ?? new Map<string, PlacementConfig>()
  const settings = from === null ? [] : diffSettings(from, to)
  const isMoved = from !== null && from.defaultPlacement !== to.defaultPlacement
  return {
    routingTable: diffTables(from?.routingTable ?? new Map<string, string>(), to.routingTable),
    placements: {
      added: [...to.placements.keys()].filter((name) => !before.has(name)).sort(),
      removed: [...before.keys()].filter((name) => !to.placements.has(name)).sort(),
      changed: diffPlacements(before, to.placements),
    },
    ...(isMoved && {
      defaultPlacement: { from: from.defaultPlacement, to: to.defaultPlacement },
    }),
    ...(settings.length > 0 && { settings }),
  }
}

function diffTables(
  from: ReadonlyMap<string, string>,
  to: ReadonlyMap<string, string>,
): ConfigDiff['routingTable'] {
  const added: { key: string; to: string }[] = []
  const removed: { key: string; from: string }[] = []
  const changed: { key: string; from: string; to: string }[] = []
  for (const [key, target] of to) {
    const before = from.get(key)
    if (before === undefined) added.push({ key, to: target })
    else if (before !== target) changed.push({ key, from: before, to: target })
  }
  for (const [key, target] of from) {
    if (!to.has(key)) removed.push({ key, from: target })
  }
  return { added: added.sort(byKey), removed: removed.sort(byKey), changed: changed.sort(byKey) }
}

/** By UTF-16 code units, like the names. */
function byKey(a: { readonly key: string }, b: { readonly key: string }): number {
  return a.key < b.key ? -1 : 1
}

function diffPlacements(
  from: ReadonlyMap<string, PlacementConfig>,
  to: ReadonlyMap<string, PlacementConfig>,
): readonly PlacementChange[] {
  const changes: PlacementChange[] = []
  for (const name of [...to.keys()].sort()) {
    const before = from.get(name)
    const after = to.get(name)
    if (before === undefined || after === undefined) continue
    const settings = diffValues(describePlacement(before), describePlacement(after), [])
    changes.push(...settings.map((setting) => ({ name, ...setting })))
  }
  return changes
}

function diffSettings(from: Config, to: Config): readonly Setting[] {
  return diffValues(describeSettings(from), describeSettings(to), [])
}

function describeSettings(config: Config) {
  return {
    routingKey: config.routingKey.map(describeKeySource),
    escapedSlashes: config.escapedSlashes,
    trustForwarded: config.trustForwarded,
  }
}

/** Objects field by field; lists, and an object against null, as a whole. Both have the same fields. */
function diffValues(from: unknown, to: unknown, path: readonly string[]): readonly Setting[] {
  if (isFields(from) && isFields(to)) {
    return Object.keys(to).flatMap((field) => diffValues(from[field], to[field], [...path, field]))
  }
  if (JSON.stringify(from) === JSON.stringify(to)) return []
  return [{ pointer: printPointer(path), from, to }]
}
