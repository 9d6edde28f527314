/**
 * After a crash: what the clients were told against what the coordinator kept. Acknowledged
 * publishes are there, unchanged; nothing is there in part; nobody saw a revision that is gone or
 * older than one that was acknowledged before; an unknown outcome becomes one revision when the
 * request is sent again with its Idempotency-Key.
 */
import { send } from '../support/http.ts'
import type { Attempt, Book, HistoryRow, Read } from './book.ts'
import { checkChain, checkRevision, printTag, type Report, readHistory } from './history.ts'
import { sendAttempt, settle } from './load.ts'
import type { Router } from './router.ts'

/** Documents are kept for the last 1,000 revisions; what the retries add must not push one out. */
const CHECKED_DOCUMENTS = 900
const PARALLEL = 4

interface Crash {
  readonly router: Router
  readonly book: Book
  readonly life: number
  readonly report: Report
}

export async function checkAfterCrash(router: Router, book: Book, life: number): Promise<void> {
  const report: Report = (kind, detail) => book.findings.push({ kind, life, detail })
  const crash = { router, book, life, report }
  const before = await readHistory(router, book.newest, report)
  checkChain(before, book.newest, report)
  const attempts = [...book.attempts.values()].filter(({ label }) =>
    label.startsWith(`life-${life}/`),
  )
  checkAcknowledged(crash, attempts, indexRows(before))
  const unknown = attempts.filter(({ outcome }) => outcome.kind === 'unknown')
  for (const attempt of unknown) await resendUnknown(crash, attempt, findRow(before, attempt))

  const rows = await readHistory(router, book.newest, report)
  checkChain(rows, book.newest, report)
  checkAcknowledged(crash, attempts, indexRows(rows))
  for (const row of before)
    if (
      !isSameRow(
        row,
        rows.find(({ revision }) => revision === row.revision),
      )
    )
      report('changed', `revision ${row.revision} changed while unknown outcomes were resolved`)
  checkReads(crash, indexRows(rows))
  await checkRevisions(crash, rows)
  await checkRouting(crash, rows)
  for (const row of rows) book.rows.set(row.revision, row)
  book.newest = Math.max(book.newest, ...rows.map(({ revision }) => revision))
}

/** The whole history once more: nothing that was seen after any crash may differ. */
export async function checkWholeHistory(router: Router, book: Book, life: number): Promise<void> {
  const report: Report = (kind, detail) => book.findings.push({ kind, life, detail })
  const rows = await readHistory(router, 0, report)
  checkChain(rows, 0, report)
  const byRevision = indexRows(rows)
  for (const [revision, row] of book.rows)
    if (!isSameRow(row, byRevision.get(revision)))
      report('changed', `revision ${revision} is not what it was after an earlier crash`)
}

const indexRows = (rows: readonly HistoryRow[]): Map<number, HistoryRow> =>
  new Map(rows.map((row) => [row.revision, row]))

const findRow = (rows: readonly HistoryRow[], { label }: Attempt): HistoryRow | undefined =>
  rows.find((row) => row.label === label)

function isSameRow(a: HistoryRow, b: HistoryRow | undefined): boolean {
  return (
    a.label === b?.label &&
    a.checksum === b.checksum &&
    a.publishedAt === b.publishedAt &&
    a.parent === b.parent
  )
}

function checkAcknowledged(
  { report }: Crash,
  attempts: readonly Attempt[],
  rows: ReadonlyMap<number, HistoryRow>,
): void {
  for (const { label, outcome, over } of attempts) {
    if (outcome.kind === 'refused' && (outcome.status !== 412 || over === undefined))
      report('failed', `"${label}" was answered ${outcome.status}`)
    if (outcome.kind !== 'acked') continue
    const { receipt } = outcome
    const row = rows.get(receipt.revision)
    if (row === undefined || !isSameRow(receipt, row))
      report('lost', `"${label}" was acknowledged as revision ${receipt.revision}`)
    else if (receipt.etag !== printTag(row)) report('torn', `"${label}" got ETag ${receipt.etag}`)
    if (over !== undefined && receipt.parent !== over.revision)
      report('lost', `"${label}" named revision ${over.revision} and overwrote ${receipt.parent}`)
  }
}

async function resendUnknown(
  { router, book, report }: Crash,
  attempt: Attempt,
  committed: HistoryRow | undefined,
): Promise<void> {
  const { label, over } = attempt
  if (committed !== undefined) book.storedUnknown++
  attempt.outcome = await settle(sendAttempt(router, attempt))
  const { outcome } = attempt
  if (outcome.kind === 'unknown') report('failed', `"${label}": no answer to the second request`)
  if (outcome.kind === 'refused' && committed !== undefined)
    report('duplicate', `"${label}" is in the history and its retry was refused ${outcome.status}`)
  if (outcome.kind !== 'acked') return
  if (committed !== undefined && outcome.receipt.revision !== committed.revision)
    report(
      'duplicate',
      `"${label}" was revision ${committed.revision}, its retry became ${outcome.receipt.revision}`,
    )
  if (over !== undefined && outcome.receipt.parent !== over.revision)
    report('lost', `"${label}" overwrote a revision that it had not seen`)
}

function checkReads({ book, life, report }: Crash, rows: ReadonlyMap<number, HistoryRow>): void {
  const reads = book.reads.filter((read) => read.life === life)
  book.reads.length = 0 // Checked once; forty lives of them would only fill memory.
  const find = (revision: number) => rows.get(revision) ?? book.rows.get(revision)
  const newestSeen = new Map<string, number>()
  for (const read of reads) {
    const before = newestSeen.get(read.reader) ?? 0
    if (read.revision < before)
      report('backward', `${read.reader} saw revision ${before}, then ${read.revision}`)
    newestSeen.set(read.reader, Math.max(before, read.revision))
    if (read.revision > 0) checkSeen(book, read, find(read.revision), report)
  }
  checkFreshness(book, life, reads, report)
}

function checkSeen(book: Book, read: Read, row: HistoryRow | undefined, report: Report): void {
  const attempt = row && book.attempts.get(row.label)
  const who = `${read.reader} saw revision ${read.revision}`
  if (row === undefined || attempt === undefined) {
    report('backward', `${who}, which is gone`)
    return
  }
  const seen = read.kind === 'admin' ? printTag(row) : attempt.probe
  if (read.seen !== seen) report('torn', `${who} as ${read.seen}, and it is ${seen}`)
  if (read.text !== undefined && read.text !== attempt.text)
    report('torn', `${who} with another document`)
}

/** A read of the coordinator that begins after an acknowledgement shows that revision or a later one. */
function checkFreshness(book: Book, life: number, reads: readonly Read[], report: Report): void {
  const acks = [...book.attempts.values()]
    .filter(({ label }) => label.startsWith(`life-${life}/`))
    .flatMap(({ outcome }) => (outcome.kind === 'acked' ? [outcome] : []))
    .sort((a, b) => a.at - b.at)
  let next = 0
  let newest = book.newest
  const inOrder = reads.filter(({ kind }) => kind === 'admin')
  for (const read of inOrder.sort((a, b) => a.startedAt - b.startedAt)) {
    for (let ack = acks[next]; ack !== undefined && ack.at < read.startedAt; ack = acks[++next])
      newest = Math.max(newest, ack.receipt.revision)
    if (read.revision < newest)
      report('backward', `${read.reader} saw ${read.revision} after ${newest} was acknowledged`)
  }
}

async function checkRevisions({ router, book, report }: Crash, rows: readonly HistoryRow[]) {
  const waiting = rows.slice(0, CHECKED_DOCUMENTS)
  const work = async () => {
    for (let row = waiting.pop(); row !== undefined; row = waiting.pop()) {
      const attempt = book.attempts.get(row.label)
      if (attempt === undefined) report('torn', `nobody published "${row.label}"`)
      else await checkRevision(router, row, attempt, report)
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, work))
}

/** Whatever revision the isolate serves after the crash, it routes as that document says. */
async function checkRouting({ router, book, report }: Crash, rows: readonly HistoryRow[]) {
  const answer = await send(router, { path: '/crash', key: 'probe' })
  const revision = Number(answer.headers['x-config-revision'])
  if (answer.status !== 200) report('failed', `a routed request was answered ${answer.status}`)
  if (revision === 0) return // The bootstrap: nothing had reached the replica.
  const row = rows.find((known) => known.revision === revision) ?? book.rows.get(revision)
  const attempt = row && book.attempts.get(row.label)
  if (attempt === undefined)
    report('lost', `the isolate serves revision ${revision}, which is gone`)
  else if (answer.headers['x-routed-to'] !== attempt.probe)
    report('torn', `revision ${revision} routes to ${answer.headers['x-routed-to']}`)
}
