import { deleteChunks, readChunks, writeChunks } from './chunks.ts'

/** The documents of the last revisions, once per content. */

/** Older revisions keep their metadata only, unless a kept one has the same content. */
export const KEPT_DOCUMENTS = 1_000
/** And fewer when they are large; the current and the previous one always stay. */
const KEPT_BYTES = 2 * 1024 ** 3

const ownerOf = (checksum: string): string => `document/${checksum}`

export const readText = (sql: SqlStorage, checksum: string): string | undefined => {
  const bytes = readChunks(sql, ownerOf(checksum))
  return bytes && new TextDecoder().decode(bytes)
}

/** Keeps what is already stored under that content, white space included. */
export function keepDocument(
  sql: SqlStorage,
  checksum: string,
  revision: number,
  text: Uint8Array,
): void {
  const isNew =
    sql.exec('SELECT 1 FROM documents WHERE checksum = ?', checksum).toArray().length === 0
  if (isNew) writeChunks(sql, ownerOf(checksum), text)
  sql.exec(
    'INSERT INTO documents VALUES (?, ?, ?) ON CONFLICT (checksum) DO UPDATE SET lastRevision = excluded.lastRevision',
    checksum,
    revision,
    text.byteLength,
  )
}

/** Up to `limit` contents that no kept revision has, or that are too much, oldest first. */
export const listPrunable = (sql: SqlStorage, newest: number, limit: number): readonly string[] =>
  sql
    .exec<{ checksum: string }>(
      'SELECT checksum FROM (SELECT *, sum(lengthBytes) OVER (ORDER BY lastRevision DESC) AS total FROM documents) WHERE lastRevision <= ? OR (total > ? AND lastRevision < ?) ORDER BY lastRevision LIMIT ?',
      newest - KEPT_DOCUMENTS,
      KEPT_BYTES,
      newest - 1,
      limit,
    )
    .toArray()
    .map((row) => row.checksum)

export function deleteDocument(sql: SqlStorage, checksum: string): void {
  deleteChunks(sql, ownerOf(checksum))
  sql.exec('DELETE FROM documents WHERE checksum = ?', checksum)
}
