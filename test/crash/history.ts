import { createHash } from 'node:crypto'
import type { Attempt, Finding, HistoryRow } from './book.ts'
import { callAdmin } from './load.ts'
import type { Router } from './router.ts'

/** The coordinator's side of the comparison, read over HTTP as any client could. */

export type Report = (kind: Finding['kind'], detail: string) => void

/** Rows above `after`, newest first, read page by page. */
export async function readHistory(
  router: Router,
  after: number,
  report: Report,
): Promise<HistoryRow[]> {
  const rows: HistoryRow[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const from: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const answer = await callAdmin(router, { path: `/admin/config/revisions?limit=200${from}` })
    if (answer.status !== 200) {
      report('failed', `the history was answered ${answer.status}: ${answer.text.slice(0, 200)}`)
      return rows
    }
    const page = JSON.parse(answer.text) as { revisions: HistoryRow[]; next: string | null }
    rows.push(...page.revisions.filter((row) => row.revision > after))
    const last = page.revisions.at(-1)
    cursor = last === undefined || last.revision <= after ? null : page.next
  }
  return rows
}

/** Revision by revision, each the child of the one before, each label once. */
export function checkChain(rows: readonly HistoryRow[], after: number, report: Report): void {
  const labels = new Set<string>()
  let expected = after + rows.length
  for (const row of rows) {
    if (row.revision !== expected)
      report('gap', `revision ${row.revision} stands where ${expected} belongs`)
    const parent = row.revision === 1 ? null : row.revision - 1
    if (row.parent !== parent)
      report('gap', `revision ${row.revision} names ${row.parent} as its parent`)
    if (labels.has(row.label)) report('duplicate', `"${row.label}" is in the history twice`)
    labels.add(row.label)
    expected = row.revision - 1
  }
}

/** Document, row, checksum, ETag, diff and compiled snapshot of one revision agree. */
export async function checkRevision(
  router: Router,
  row: HistoryRow,
  attempt: Attempt,
  report: Report,
): Promise<void> {
  const torn = (detail: string) => report('torn', `revision ${row.revision}: ${detail}`)
  const path = `/admin/config/revisions/${row.revision}`
  const stored = await callAdmin(router, { path })
  if (stored.status !== 200) return torn(`its document is answered ${stored.status}`)
  if (stored.text !== attempt.text) torn('its document is not the one that was published')
  if (hashCanonical(stored.text) !== row.checksum) torn('its checksum is not that of its document')
  if (stored.headers.etag !== printTag(row)) torn(`its ETag is ${stored.headers.etag}`)
  await checkCompiled(router, row, attempt, torn)
  if (row.revision > 1) await checkDiff(router, row, attempt, torn)
}

export const printTag = (row: Pick<HistoryRow, 'revision' | 'checksum'>): string =>
  `"${row.revision}-${row.checksum.slice(0, 12)}"`

async function checkCompiled(
  router: Router,
  row: HistoryRow,
  attempt: Attempt,
  torn: (detail: string) => void,
): Promise<void> {
  const question = {
    method: 'GET',
    url: 'http://router.test/crash',
    headers: { 'x-routing-key': 'probe' },
    revision: row.revision,
  }
  const body = JSON.stringify(question)
  const answer = await callAdmin(router, { method: 'POST', path: '/admin/explain', body })
  if (answer.status !== 200) return torn(`explaining it is answered ${answer.status}`)
  const { revision, placement } = answer.json()
  if (revision !== row.revision || placement !== attempt.probe)
    torn(`its snapshot is of ${revision} and routes to ${placement}, not to ${attempt.probe}`)
}

async function checkDiff(
  router: Router,
  row: HistoryRow,
  attempt: Attempt,
  torn: (detail: string) => void,
): Promise<void> {
  const path = `/admin/config/diff?from=${row.revision - 1}&to=${row.revision}`
  const answer = await callAdmin(router, { path })
  if (answer.status !== 200) return torn(`the diff to it is answered ${answer.status}`)
  const { routingTable } = JSON.parse(answer.text) as {
    routingTable: { added: readonly { key: string; to: string }[] }
  }
  const isThere = routingTable.added.some(
    ({ key, to }) => key === attempt.label && to === attempt.probe,
  )
  if (!isThere) torn('the diff to it does not show what its document added')
}

/** SHA-256 over the canonical JSON (RFC 8785), hex; written here again on purpose. */
function hashCanonical(text: string): string {
  return createHash('sha256')
    .update(printCanonical(JSON.parse(text)))
    .digest('hex')
}

function printCanonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(printCanonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${printCanonical(member)}`).join(',')}}`
}
