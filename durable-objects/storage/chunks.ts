/** Byte strings of any length in rows of at most 1 MiB: a row may not exceed 2 MB. */
export const CHUNK_BYTES = 1024 * 1024

const SELECT_CHUNK = 'SELECT bytes FROM chunks WHERE owner = ? AND position = ?'

export function writeChunks(sql: SqlStorage, owner: string, bytes: Uint8Array): void {
  for (let position = 0; position * CHUNK_BYTES < bytes.byteLength; position++) {
    const start = position * CHUNK_BYTES
    const chunk = bytes.slice(start, start + CHUNK_BYTES)
    sql.exec('INSERT INTO chunks VALUES (?, ?, ?)', owner, position, chunk.buffer)
  }
}

/** undefined: there is nothing under that name. */
export function readChunks(sql: SqlStorage, owner: string): Uint8Array | undefined {
  const rows = sql
    .exec<ChunkRow>('SELECT bytes FROM chunks WHERE owner = ? ORDER BY position', owner)
    .toArray()
  if (rows.length === 0) return undefined
  const bytes = new Uint8Array(rows.reduce((sum, row) => sum + row.bytes.byteLength, 0))
  let offset = 0
  for (const row of rows) {
    bytes.set(new Uint8Array(row.bytes), offset)
    offset += row.bytes.byteLength
  }
  return bytes
}

export function deleteChunks(sql: SqlStorage, owner: string): void {
  sql.exec('DELETE FROM chunks WHERE owner = ?', owner)
}

/**
 * One row at a time, read when the receiver wants it. Errors when the rows are deleted meanwhile,
 * which takes two publishes during one transfer.
 */
export function streamChunks(
  sql: SqlStorage,
  owner: string,
  lengthBytes: number,
): ReadableStream<Uint8Array> {
  let sentBytes = 0
  let position = 0
  return new ReadableStream({
    type: 'bytes',
    pull(controller) {
      const row = sql.exec<ChunkRow>(SELECT_CHUNK, owner, position).toArray()[0]
      if (row === undefined) {
        controller.error(new Error(`${owner} is gone`))
        return
      }
      position += 1
      sentBytes += row.bytes.byteLength
      controller.enqueue(new Uint8Array(row.bytes))
      if (sentBytes >= lengthBytes) controller.close()
    },
  })
}

type ChunkRow = { bytes: ArrayBuffer }
