import { printHex } from '../hex.ts'
import { fail, type Result, succeed } from '../result.ts'
import { openRoutingTable, type RoutingTable } from './routing-table.ts'
import { isSnapshotMeta } from './snapshot-shape.ts'

/**
 * A snapshot as bytes, little-endian. The digest covers the payload, the rest is checked when it
 * is opened. A router reads its own format only: raise the number with any change of this layout,
 * of the packed table or of its hash.
 *
 *   header   "cellway\0", format u32, total length u32, SHA-256 of the payload (32 bytes)
 *   payload  meta length u32, meta (JSON, then zeros up to a multiple of 8), packed routing table
 */
export const SNAPSHOT_FORMAT = 1

const MAGIC = Uint8Array.from('cellway\0', (character) => character.charCodeAt(0))
const DIGEST_START = 16
const HEADER_BYTES = 48
const META_START = HEADER_BYTES + 4

/** A config compiled for lookup: what an isolate holds and a request reads, synchronously. */
export interface Snapshot {
  readonly revision: number
  readonly label: string
  /** RFC 3339. */
  readonly publishedAt: string
  /** SHA-256 of the payload, hex. */
  readonly digest: string
  readonly byteLength: number
  readonly routingKey: readonly KeySource[]
  /** Index into `placements`. */
  readonly defaultPlacement: number
  readonly escapedSlashes: 'keep' | 'reject'
  readonly trustForwarded: boolean
  readonly placements: readonly Placement[]
  /** Routing key → index into `placements`. */
  readonly table: RoutingTable
}

export type KeySource =
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'query'; readonly name: string }
  | { readonly kind: 'cookie'; readonly name: string }
  /** `suffix` begins with a dot: ":key.example.com" → ".example.com", lower case. */
  | { readonly kind: 'host'; readonly pattern: string; readonly suffix: string }
  /** Segments of the pattern; null stands for `:key`; `rest` when it ends in `/*`. */
  | {
      readonly kind: 'path'
      readonly pattern: string
      readonly segments: readonly (string | null)[]
      readonly rest: boolean
    }

export interface Placement {
  readonly name: string
  readonly kind: 'tier' | 'dedicated'
  readonly endpoints: readonly Endpoint[]
  /** Indexes into `placements`. */
  readonly fallback: readonly number[]
  readonly whenOpen: 'reject' | 'default'
  readonly balance: 'round-robin' | 'weighted' | 'least-requests' | 'rendezvous'
  readonly circuitBreaker: CircuitBreakerSettings
  readonly healthCheck: HealthCheckSettings | null
  /** Requests in flight per isolate; null: unlimited. */
  readonly concurrencyLimit: number | null
  /** null: unlimited. */
  readonly maxRequestBodyBytes: number | null
  readonly timeouts: {
    readonly headersMs: number
    readonly idleMs: number | null
    readonly totalMs: number | null
  }
  readonly retry: {
    readonly attempts: number
    readonly methods: readonly string[]
    readonly maxBufferedBodyBytes: number
  }
}

export type Endpoint =
  /** `base` is origin and base path without a trailing slash: "https://tier1.example.com/base". */
  | { readonly kind: 'url'; readonly base: string; readonly weight: number }
  | { readonly kind: 'service'; readonly binding: string; readonly weight: number }
  | {
      readonly kind: 'dispatch'
      readonly binding: string
      readonly script: string
      readonly weight: number
    }

export interface CircuitBreakerSettings {
  /** null: this trip rule is off. */
  readonly consecutiveFailures: number | null
  readonly openForMs: number
  readonly openForMaxMs: number
  /** Share of the open time that is random, 0 to 1. */
  readonly jitter: number
  /** null: this trip rule is off. */
  readonly window: {
    readonly durationMs: number
    readonly minimumRequests: number
    readonly failureRate: number
  } | null
  readonly halfOpen: {
    readonly probes: number
    readonly maxFailures: number
    readonly concurrent: number
  }
  readonly recoveryMs: number
}

export interface HealthCheckSettings {
  readonly path: string
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly rise: number
  readonly fall: number
}

/** Why bytes are not a snapshot this router can serve. */
export type SnapshotError =
  | { readonly reason: 'truncated' }
  | { readonly reason: 'not_a_snapshot' }
  /** Written by a newer or older router: keep what you hold. */
  | { readonly reason: 'unknown_format'; readonly format: number }
  | { readonly reason: 'corrupt'; readonly detail: string }

/** What a snapshot holds beside its table. */
export type SnapshotMeta = Omit<Snapshot, 'digest' | 'byteLength' | 'table'>

/** The bytes of a snapshot, with room for the digest: `sealSnapshot` fills it in. */
export function packSnapshot(meta: string, table: Uint8Array): Uint8Array {
  const metaBytes = new TextEncoder().encode(meta)
  const tableStart = alignTo8(META_START + metaBytes.byteLength)
  const bytes = new Uint8Array(tableStart + table.byteLength)
  const view = new DataView(bytes.buffer)
  bytes.set(MAGIC)
  view.setUint32(8, SNAPSHOT_FORMAT, true)
  view.setUint32(12, bytes.byteLength, true)
  view.setUint32(HEADER_BYTES, metaBytes.byteLength, true)
  bytes.set(metaBytes, META_START)
  bytes.set(table, tableStart)
  return bytes
}

export function sealSnapshot(bytes: Uint8Array, digest: Uint8Array): void {
  bytes.set(digest, DIGEST_START)
}

/** The part that the digest covers: a view, not a copy. */
export function readPayload(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(HEADER_BYTES)
}

/** The digest that the header claims, hex; shorter, and so equal to none, when bytes are missing. */
export function readDigest(bytes: Uint8Array): string {
  return printHex(bytes.subarray(DIGEST_START, HEADER_BYTES))
}

/**
 * Checks the structure and every shape and index that routing relies on; the table is not walked,
 * its lookups are bounded instead. Comparing the digest is the caller's: hashing is asynchronous.
 * The snapshot is a view on `bytes`, which must not change afterwards.
 */
export function openSnapshot(bytes: Uint8Array): Result<Snapshot, SnapshotError> {
  if (MAGIC.some((byte, i) => i < bytes.byteLength && bytes[i] !== byte)) {
    return fail({ reason: 'not_a_snapshot' })
  }
  if (bytes.byteLength < META_START) return fail({ reason: 'truncated' })
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const format = view.getUint32(8, true)
  if (format !== SNAPSHOT_FORMAT) return fail({ reason: 'unknown_format', format })
  const byteLength = view.getUint32(12, true)
  if (byteLength > bytes.byteLength) return fail({ reason: 'truncated' })
  if (byteLength < bytes.byteLength) return failCorrupt('length')

  const metaEnd = META_START + view.getUint32(HEADER_BYTES, true)
  const meta = parseMeta(bytes.subarray(META_START, metaEnd))
  if (meta === null) return failCorrupt('meta')
  const table = openRoutingTable(bytes.subarray(alignTo8(metaEnd)))
  if (table === null) return failCorrupt('routing table')
  return succeed({ ...meta, digest: readDigest(bytes), byteLength, table })
}

function parseMeta(bytes: Uint8Array): SnapshotMeta | null {
  try {
    const meta: unknown = JSON.parse(
      new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes),
    )
    return isSnapshotMeta(meta) ? meta : null
  } catch {
    return null
  }
}

function failCorrupt(detail: string): Result<never, SnapshotError> {
  return fail({ reason: 'corrupt', detail })
}

function alignTo8(offset: number): number {
  return Math.ceil(offset / 8) * 8
}
