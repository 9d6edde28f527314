import type { Revision, RevisionPage } from '../../shared/rpc/coordinator.ts'

/** The history: one row per revision, kept for ever. */

type RevisionRow = {
  revision: number
  label: string
  author: string
  publishedAt: string
  checksum: string
  parent: number | null
  restoredFrom: number | null
}

const COLUMNS = 'revision, label, author, publishedAt, checksum, parent, restoredFrom'

export const readNewest = (sql: SqlStorage): Revision | undefined =>
  sql
    .exec<RevisionRow>(`SELECT ${COLUMNS} FROM revisions ORDER BY revision DESC LIMIT 1`)
    .toArray()[0]

export const readRevision = (sql: SqlStorage, revision: number): Revision | undefined =>
  sql
    .exec<RevisionRow>(`SELECT ${COLUMNS} FROM revisions WHERE revision = ?`, revision)
    .toArray()[0]

/** Newest first, those below `before`. */
export function listRevisions(sql: SqlStorage, limit: number, before: number): RevisionPage {
  const rows = sql
    .exec<RevisionRow>(
      `SELECT ${COLUMNS} FROM revisions WHERE revision < ? ORDER BY revision DESC LIMIT ?`,
      before,
      limit + 1,
    )
    .toArray()
  const revisions = rows.slice(0, limit)
  const last = revisions.at(-1)
  return { revisions, next: rows.length > limit && last ? String(last.revision) : null }
}

export function insertRevision(sql: SqlStorage, added: Revision): void {
  sql.exec(
    `INSERT INTO revisions (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)`,
    added.revision,
    added.label,
    added.author,
    added.publishedAt,
    added.checksum,
    added.parent,
    added.restoredFrom,
  )
}
