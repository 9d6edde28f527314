import type { SnapshotStream } from '../../shared/rpc/coordinator.ts'
import { deleteChunks, readChunks, streamChunks, writeChunks } from './chunks.ts'

/** The compiled snapshots of the current and of the previous revision. */

const KEPT_SNAPSHOTS = 2

const ownerOf = (revision: number): string => `snapshot/${revision}`

export interface SnapshotHead {
  readonly revision: number
  /** SHA-256 of the payload, hex. */
  readonly digest: string
  readonly lengthBytes: number
}

type HeadRow = { revision: number; digest: string; lengthBytes: number }

export const readHead = (sql: SqlStorage): SnapshotHead | undefined =>
  sql.exec<HeadRow>('SELECT * FROM snapshots ORDER BY revision DESC LIMIT 1').toArray()[0]

export const readSnapshot = (sql: SqlStorage, revision: number): Uint8Array | undefined =>
  readChunks(sql, ownerOf(revision))

/** undefined: no longer stored in its compiled form. */
export function streamSnapshot(sql: SqlStorage, revision: number): SnapshotStream | undefined {
  const head = sql
    .exec<HeadRow>('SELECT * FROM snapshots WHERE revision = ?', revision)
    .toArray()[0]
  if (head === undefined) return undefined
  const { lengthBytes } = head
  return { lengthBytes, body: streamChunks(sql, ownerOf(revision), lengthBytes) }
}

export function storeSnapshot(sql: SqlStorage, head: SnapshotHead, bytes: Uint8Array): void {
  const { revision, digest, lengthBytes } = head
  writeChunks(sql, ownerOf(revision), bytes)
  sql.exec('INSERT INTO snapshots VALUES (?, ?, ?)', revision, digest, lengthBytes)
  const oldest = revision - KEPT_SNAPSHOTS
  deleteChunks(sql, ownerOf(oldest))
  sql.exec('DELETE FROM snapshots WHERE revision = ?', oldest)
}
