import type { ConfigDiff } from '../shared/config/diff.ts'
import type { Changes } from '../shared/rpc/coordinator.ts'

/** A call of the platform carries 32 MiB; two bytes per character and the framing stay below it. */
const LONGEST_CHANGES = 8 * 1024 * 1024
/** Quotes, names of fields and commas of an entry. */
const FRAME = 32
const CLIPPED_ENTRIES = 1_000

/** Changes that fit into one answer: beyond about 8 MiB of JSON, a thousand. */
export function clipForAnswer(changes: ConfigDiff): Changes {
  let length = JSON.stringify(changes.placements).length
  for (const list of Object.values<readonly { key: string; from?: string; to?: string }[]>(
    changes.routingTable,
  ))
    for (const { key, from = '', to = '' } of list)
      length += FRAME + key.length + from.length + to.length
  return length > LONGEST_CHANGES ? clipChanges(changes) : changes
}

/** The first thousand entries of all lists together. */
export function clipChanges(changes: Changes): Changes {
  let room = CLIPPED_ENTRIES
  let isCut = false
  const clip = <T>(list: readonly T[]): readonly T[] => {
    const kept = list.slice(0, room)
    room -= kept.length
    isCut ||= kept.length < list.length
    return kept
  }
  const { routingTable, placements } = changes
  const clipped = {
    ...changes,
    placements: {
      added: clip(placements.added),
      removed: clip(placements.removed),
      changed: clip(placements.changed),
    },
    routingTable: {
      added: clip(routingTable.added),
      removed: clip(routingTable.removed),
      changed: clip(routingTable.changed),
    },
  }
  return isCut ? { ...clipped, truncated: true } : changes
}
