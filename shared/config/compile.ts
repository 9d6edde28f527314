import { fail, type Result, succeed } from '../result.ts'
import type { Config } from './config.ts'
import { buildRoutingTable } from './routing-table.ts'
import { packSnapshot, readPayload, type SnapshotMeta, sealSnapshot } from './snapshot.ts'

export const MAX_SNAPSHOT_BYTES = 16 * 1024 * 1024

/**
 * Turns a checked config into the bytes that isolates route by. Equal configs with an equal stamp
 * give equal bytes, whatever the order in which anything was written. `publishedAt` is RFC 3339.
 * Throws when a name in the config refers to nothing, which a checked config cannot do.
 */
export function compileSnapshot(
  config: Config,
  stamp: { readonly revision: number; readonly publishedAt: string },
  sha256: (bytes: Uint8Array) => Uint8Array,
): Result<Uint8Array, { readonly code: 'too_large'; readonly byteLength: number }> {
  const { routingTable, placements, ...settings } = config
  const sorted = [...placements].sort(([a], [b]) => (a < b ? -1 : 1))
  const indexes = new Map(sorted.map(([name], index) => [name, index]))
  const meta: SnapshotMeta = {
    ...settings,
    revision: stamp.revision,
    publishedAt: stamp.publishedAt,
    defaultPlacement: indexOf(indexes, config.defaultPlacement),
    placements: sorted.map(([name, placement]) => ({
      ...placement,
      name,
      fallback: placement.fallback.map((other) => indexOf(indexes, other)),
    })),
  }
  const text = printSorted(meta)
  const table = buildRoutingTable(
    Array.from(routingTable, ([key, name]) => [key, indexOf(indexes, name)] as const),
    readSeed(sha256, text),
  )
  const bytes = packSnapshot(text, table)
  const { byteLength } = bytes
  if (byteLength > MAX_SNAPSHOT_BYTES) return fail({ code: 'too_large', byteLength })
  sealSnapshot(bytes, sha256(readPayload(bytes)))
  return succeed(bytes)
}

function indexOf(indexes: ReadonlyMap<string, number>, name: string): number {
  const index = indexes.get(name)
  if (index === undefined) throw new Error(`unknown placement "${name}" in a checked config`)
  return index
}

/** JSON with the fields of every object in the order of their names. */
function printSorted(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  )
}

/** Nobody who merely owns routing keys can foretell the digest of everything else. */
function readSeed(sha256: (bytes: Uint8Array) => Uint8Array, text: string): number {
  const digest = sha256(new TextEncoder().encode(text))
  return new DataView(digest.buffer, digest.byteOffset).getUint32(0, true)
}
