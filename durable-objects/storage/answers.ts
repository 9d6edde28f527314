import type { Problem } from '../../shared/problem/problem.ts'
import { fail, type Result, succeed } from '../../shared/result.ts'
import type { PublishReceipt } from '../../shared/rpc/coordinator.ts'
import { clipChanges } from '../clip-changes.ts'
import { deleteChunks, readChunks, writeChunks } from './chunks.ts'

/** Answers by idempotency key, so that a retry after an unknown outcome gets the first one again. */

export const ANSWER_LIFE_MS = 48 * 60 * 60 * 1_000

const ownerOf = (key: string): string => `answer/${key}`

/**
 * The answer that was remembered under the key, or `work`'s, which is remembered when it succeeded:
 * a refused document may be mended and sent again. Of its changes a thousand are kept. Without a
 * key it is only `work`.
 */
export function answerOnce(
  sql: SqlStorage,
  key: string | undefined,
  bodyHash: string,
  now: number,
  work: () => Result<PublishReceipt, Problem>,
): Result<PublishReceipt, Problem> {
  if (key === undefined) return work()
  const row = sql
    .exec<{ bodyHash: string }>(
      'SELECT bodyHash FROM answers WHERE key = ? AND expiresAt > ?',
      key,
      now,
    )
    .toArray()[0]
  const first = row && readChunks(sql, ownerOf(key))
  if (first !== undefined)
    return row?.bodyHash === bodyHash
      ? succeed(JSON.parse(new TextDecoder().decode(first)))
      : fail(KEY_REUSED)
  const answer = work()
  if (!answer.ok) return answer
  deleteAnswer(sql, key)
  const { status, body } = answer.value
  const kept = { status, body: { ...body, changes: clipChanges(body.changes) } }
  writeChunks(sql, ownerOf(key), new TextEncoder().encode(JSON.stringify(kept)))
  sql.exec('INSERT INTO answers VALUES (?, ?, ?)', key, bodyHash, now + ANSWER_LIFE_MS)
  return answer
}

const KEY_REUSED: Problem = {
  code: 'idempotency_key_reused',
  detail: 'This Idempotency-Key was used for another request within the last 48 hours',
}

export const listExpired = (sql: SqlStorage, now: number, limit: number): readonly string[] =>
  sql
    .exec<{ key: string }>(
      'SELECT key FROM answers WHERE expiresAt <= ? ORDER BY expiresAt LIMIT ?',
      now,
      limit,
    )
    .toArray()
    .map((row) => row.key)

/** When the next answer expires; undefined: none is remembered. */
export const readNextExpiry = (sql: SqlStorage): number | undefined =>
  sql
    .exec<{ expiresAt: number }>('SELECT expiresAt FROM answers ORDER BY expiresAt LIMIT 1')
    .toArray()[0]?.expiresAt

export function deleteAnswer(sql: SqlStorage, key: string): void {
  deleteChunks(sql, ownerOf(key))
  sql.exec('DELETE FROM answers WHERE key = ?', key)
}
