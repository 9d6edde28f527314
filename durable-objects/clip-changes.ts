import type { ConfigDiff } from '../shared/config/diff.ts'
import type { Changes } from '../shared/rpc/coordinator.ts'

/** A call of the platform carries 32 MiB; two bytes per character and the framing stay below it. */
const LONGEST_CHANGES = 8 * 1024 * 1024
const CLIPPED_ENTRIES = 1_000

/** Changes that fit into one answer: beyond 8 MiB of JSON, the first thousand of each list. */
export function clipChanges(changes: ConfigDiff): Changes {
  if (JSON.stringify(changes).length <= LONGEST_CHANGES) return changes
  const { routingTable, placements } = changes
  const clip = <T>(list: readonly T[]): readonly T[] => list.slice(0, CLIPPED_ENTRIES)
  return {
    ...changes,
    truncated: true,
    routingTable: {
      added: clip(routingTable.added),
      removed: clip(routingTable.removed),
      changed: clip(routingTable.changed),
    },
    placements: {
      added: clip(placements.added),
      removed: clip(placements.removed),
      changed: clip(placements.changed),
    },
  }
}
