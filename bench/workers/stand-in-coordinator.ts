/**
 * A coordinator that only hands out snapshots compiled beforehand: each question brings the next
 * one. What an isolate stalls for is then its own work and the transfer, not a compilation.
 * Over HTTP it gives the same configuration as a document.
 */
import { DurableObject, env } from 'cloudflare:workers'
import { readDigest } from '../../shared/config/snapshot.ts'
import type { RefreshReply, RefreshRequest } from '../../shared/rpc/coordinator.ts'

type Blobs = Readonly<Record<string, ArrayBuffer>>

const blobs = env as unknown as Blobs
const COUNT = Object.keys(blobs).filter((name) => name.startsWith('SNAPSHOT_')).length
const INTERVAL_MS = 5_000
/** Small, so that the sender's share of a stall on the common thread is small. */
const PIECE_BYTES = 64 * 1024

function stream(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let at = 0
  return new ReadableStream({
    type: 'bytes',
    pull(controller) {
      if (at >= bytes.byteLength) return controller.close()
      controller.enqueue(bytes.slice(at, at + PIECE_BYTES))
      at += PIECE_BYTES
    },
  })
}

export class ConfigCoordinator extends DurableObject {
  refresh(request: RefreshRequest): RefreshReply {
    const revision = Math.min(request.revision + 1, COUNT)
    const bytes = new Uint8Array(blobs[`SNAPSHOT_${revision}`] as ArrayBuffer)
    const reply = { revision, digest: readDigest(bytes), intervalMs: INTERVAL_MS, viewsVersion: 0 }
    if (revision <= request.revision) return reply
    return { ...reply, snapshot: { lengthBytes: bytes.byteLength, body: stream(bytes) } }
  }
}

export default {
  fetch: () => new Response(stream(new Uint8Array(blobs['DOCUMENT'] as ArrayBuffer))),
}
