import { MAX_SNAPSHOT_BYTES } from '../../shared/config/compile.ts'
import {
  openSnapshot,
  readDigest,
  readPayload,
  type Snapshot,
} from '../../shared/config/snapshot.ts'
import { printHex } from '../../shared/hex.ts'
import { isViews } from '../../shared/rpc/breaker-view.ts'
import type { RefreshReply, SnapshotStream } from '../../shared/rpc/coordinator.ts'
import { withDeadline } from './deadline.ts'

/** From bytes that somebody handed out to a snapshot that may be served; every doubt is a Rejection. */

export class Rejection extends Error {
  readonly reason: string

  constructor(reason: string, detail = '') {
    super(detail)
    this.reason = reason
  }
}

export interface Opened {
  readonly snapshot: Snapshot
  readonly bytes: Uint8Array
}

/** Small enough that no block is felt, large enough that their turns take no noticeable time. */
const BLOCK_BYTES = 128 * 1024

/**
 * Throws a Rejection unless the bytes are an intact snapshot of this format, with that digest
 * where the caller knows it from elsewhere.
 */
export async function verifySnapshot(bytes: Uint8Array, digest?: string): Promise<Opened> {
  const opened = openSnapshot(bytes)
  if (!opened.ok) throw new Rejection(opened.error.reason)
  const actual = await hashInBlocks(readPayload(bytes))
  if (actual !== readDigest(bytes) || (digest ?? actual) !== actual)
    throw new Rejection('digest_mismatch')
  return { snapshot: opened.value, bytes }
}

/**
 * SHA-256, hex. Between two blocks other requests of the isolate get their turn: for that it takes
 * a timer, because an await of something settled only drains the microtasks of this request.
 */
async function hashInBlocks(bytes: Uint8Array): Promise<string> {
  const stream = new crypto.DigestStream('SHA-256')
  const writer = stream.getWriter()
  for (let start = 0; start < bytes.byteLength; start += BLOCK_BYTES) {
    await writer.write(bytes.subarray(start, start + BLOCK_BYTES))
    await scheduler.wait(0)
  }
  await writer.close()
  return printHex(new Uint8Array(await stream.digest))
}

/**
 * Reads a stream into one array of the length that was announced, in blocks and with turns for
 * others between them as above: piece by piece, as they arrive, is one long stretch of work.
 */
export async function readStream(stream: SnapshotStream, deadlineMs: number): Promise<Uint8Array> {
  const reader = openReader(stream.body)
  try {
    return await withDeadline(fill(new Uint8Array(stream.lengthBytes), reader), deadlineMs)
  } catch (error) {
    reader.cancel().catch(() => {})
    throw error
  }
}

function openReader(body: ReadableStream<unknown>): ReadableStreamBYOBReader {
  try {
    return body.getReader({ mode: 'byob' })
  } catch {
    throw new Rejection('malformed_reply', 'not a byte stream')
  }
}

async function fill(bytes: Uint8Array, reader: ReadableStreamBYOBReader): Promise<Uint8Array> {
  let filled = 0
  let block = new Uint8Array(BLOCK_BYTES)
  for (;;) {
    const { done, value } = await reader.readAtLeast(BLOCK_BYTES, block)
    if (done || value === undefined) break
    if (filled + value.byteLength > bytes.byteLength) throw new Rejection('too_long')
    bytes.set(value, filled)
    filled += value.byteLength
    block = new Uint8Array(value.buffer)
    await scheduler.wait(0)
  }
  if (filled < bytes.byteLength) throw new Rejection('truncated')
  return bytes
}

/** What came over RPC is data of another deployment, perhaps an older or newer one. */
export function isReply(value: unknown): value is RefreshReply {
  return typeof value === 'object' && value !== null && hasReplyShape(value)
}

function hasReplyShape(value: { readonly [K in keyof RefreshReply]?: unknown }): boolean {
  const { revision, digest, intervalMs, viewsVersion, snapshot } = value
  return (
    isCount(revision) &&
    typeof digest === 'string' &&
    (revision === 0 ? digest === '' : /^[0-9a-f]{64}$/.test(digest)) &&
    isCount(viewsVersion) &&
    typeof intervalMs === 'number' &&
    intervalMs > 0 &&
    (value.views === undefined || isViews(value.views)) &&
    (snapshot === undefined || isStream(snapshot))
  )
}

function isStream(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { lengthBytes, body }: { lengthBytes?: unknown; body?: unknown } = value
  return isCount(lengthBytes) && lengthBytes <= MAX_SNAPSHOT_BYTES && body instanceof ReadableStream
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
