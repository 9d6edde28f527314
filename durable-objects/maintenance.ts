import type { Replica } from '../shared/config/replica.ts'
import { deleteAnswer, listExpired, readNextExpiry } from './storage/answers.ts'
import { deleteDocument, listPrunable } from './storage/documents.ts'
import { readNewest } from './storage/revisions.ts'
import { readHead, readSnapshot } from './storage/snapshots.ts'

/** What the coordinator does behind the acknowledgement, from its alarm. */

const PUT_DEADLINE_MS = 30_000
const BATCH = 200
const BATCH_GAP_MS = 1_000

/**
 * Puts the newest snapshot into the replica. A put that outlives its deadline may land after a newer
 * one: `onLate` is called when it has settled.
 */
export async function replicate(
  sql: SqlStorage,
  replica: Replica,
  onLate: () => void,
): Promise<undefined> {
  const head = readHead(sql)
  const bytes = head && readSnapshot(sql, head.revision)
  if (bytes !== undefined) await withDeadline(replica.put(bytes), PUT_DEADLINE_MS, onLate)
}

/** Deletes documents beyond the kept ones, a batch at a time so that publishes are not held up. */
export function prune(storage: DurableObjectStorage, now: number): number | undefined {
  const { sql } = storage
  const newest = readNewest(sql)?.revision ?? 0
  storage.transactionSync(() => {
    for (const checksum of listPrunable(sql, newest, BATCH)) deleteDocument(sql, checksum)
  })
  return listPrunable(sql, newest, 1).length > 0 ? now + BATCH_GAP_MS : undefined
}

/** Forgets answers whose time is over. */
export function forget(storage: DurableObjectStorage, now: number): number | undefined {
  const { sql } = storage
  storage.transactionSync(() => {
    for (const key of listExpired(sql, now, BATCH)) deleteAnswer(sql, key)
  })
  const next = readNextExpiry(sql)
  return next === undefined ? undefined : Math.max(next, now + BATCH_GAP_MS)
}

async function withDeadline(
  work: Promise<void>,
  deadlineMs: number,
  onLate: () => void,
): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no answer within ${deadlineMs} ms`))
      work.then(onLate, onLate)
    }, deadlineMs)
  })
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
