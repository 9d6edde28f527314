/** A document with very many routing keys, and its compiled snapshots. */
import { createHash } from 'node:crypto'
import { compileSnapshot } from '../../shared/config/compile.ts'
import { readDocument } from '../../shared/config/read-document.ts'

const PLACEMENTS = 20
export const CELL_BINDING = 'CELL_BENCH'

export const nameKey = (n: number, keyBytes: number): string =>
  `t${n.toString(36)}-`.padEnd(keyBytes, 'tenant')
export const namePlacement = (n: number): string => `cell${n % PLACEMENTS}`

/** Key number `n` is in placement number `n` modulo 20; the odd one out tells revisions apart. */
export function makeLargeDocument(keys: number, keyBytes: number, oddOneOut = -1): object {
  const table = Array.from({ length: keys }, (_, n) => [
    nameKey(n, keyBytes),
    namePlacement(n === oddOneOut ? n + 1 : n),
  ])
  const placements = Array.from({ length: PLACEMENTS }, (_, n) => [
    namePlacement(n),
    { endpoints: [{ service: CELL_BINDING }] },
  ])
  return {
    schema: 1,
    routingTable: Object.fromEntries(table),
    defaultPlacement: namePlacement(0),
    placements: Object.fromEntries(placements),
  }
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest()

export function compileLarge(document: object, revision: number): Uint8Array {
  const read = readDocument(JSON.stringify(document), {
    allowPrivateEndpoints: true,
    services: new Set([CELL_BINDING]),
    dispatchNamespaces: new Set(),
  })
  if (!read.ok) throw new Error(JSON.stringify(read.error).slice(0, 1000))
  const stamp = { revision, publishedAt: '2026-11-20T12:00:00.000Z' }
  const compiled = compileSnapshot(read.value.config, stamp, sha256)
  if (!compiled.ok) throw new Error('the snapshot is too large')
  return compiled.value
}
