import type { BreakerView } from '../breaker/view.ts'
import type { ConfigDiff } from '../config/diff.ts'
import type { Problem } from '../problem/problem.ts'
import type { Result } from '../result.ts'
import type { Views } from './breaker.ts'

/** The messages that isolates, the admin API and the coordinator exchange. Plain data only. */

/** The name of the one coordinator object. */
export const COORDINATOR_NAME = 'coordinator'

export interface RefreshRequest {
  /** The revision the isolate holds; 0 when it holds none or the bootstrap. */
  readonly revision: number
  /** The newest version of the breaker views it holds. */
  readonly viewsVersion: number
  /** Milliseconds since this isolate last asked; absent on its first question. Sizes the fleet. */
  readonly waitedMs?: number
}

export interface RefreshReply {
  /** The newest revision; 0 when nothing was ever published. */
  readonly revision: number
  /** SHA-256 of the snapshot's payload, hex; empty at revision 0. */
  readonly digest: string
  /** How long to wait before the next question. */
  readonly intervalMs: number
  /** Rises with every view that a breaker's object tells. */
  readonly viewsVersion: number
  /**
   * The views that changed since the version asked for, and those that live by being repeated.
   * Absent: this coordinator hears of no breakers.
   */
  readonly views?: Views
  /** The compiled snapshot, when it is newer than what the isolate holds. */
  readonly snapshot?: SnapshotStream
}

export interface SnapshotStream {
  readonly lengthBytes: number
  readonly body: ReadableStream<Uint8Array>
}

export interface PublishRequest {
  /** The document as it was received. */
  readonly text: string
  readonly author: string
  readonly ifMatch?: string
  readonly idempotencyKey?: string
  readonly dryRun: boolean
}

export interface RollbackRequest {
  readonly revision: number
  readonly author: string
  readonly dryRun?: boolean
  readonly ifMatch?: string
  readonly idempotencyKey?: string
}

export interface Revision {
  readonly revision: number
  readonly label: string
  readonly author: string
  /** RFC 3339. */
  readonly publishedAt: string
  /** SHA-256 over the canonical JSON, hex. */
  readonly checksum: string
  readonly parent: number | null
  readonly restoredFrom: number | null
}

/** `truncated`: more than one answer can carry, so each list is cut short. */
export type Changes = ConfigDiff & { readonly truncated?: true }

/** What a publish or a rollback answers. 201: a new revision; 200: nothing new was stored. */
export interface PublishReceipt {
  readonly status: 200 | 201
  readonly body: Revision & {
    readonly etag: string
    readonly changes: Changes
    readonly warnings: readonly Finding[]
    readonly dryRun?: true
  }
}

/** One error or warning about a document, by JSON pointer (RFC 6901). */
export interface Finding {
  readonly pointer: string
  readonly code: string
  readonly message: string
}

export interface StoredDocument {
  readonly revision: Revision
  readonly etag: string
  /** The document as published. */
  readonly text: string
}

export interface RevisionPage {
  readonly revisions: readonly Revision[]
  readonly next: string | null
}

/** The RPC surface of the coordinator object. Expected refusals cross as Results, never as exceptions. */
export interface CoordinatorApi {
  /** From a placement's breaker object. False: not published, as far as is known by now. */
  noteView(placement: string, view: BreakerView): boolean | Promise<boolean>
  refresh(request: RefreshRequest): RefreshReply | Promise<RefreshReply>
  publish(
    request: PublishRequest,
  ): Result<PublishReceipt, Problem> | Promise<Result<PublishReceipt, Problem>>
  rollback(
    request: RollbackRequest,
  ): Result<PublishReceipt, Problem> | Promise<Result<PublishReceipt, Problem>>
  /** The current document, or that of one revision. */
  document(
    revision?: number,
  ): Result<StoredDocument, Problem> | Promise<Result<StoredDocument, Problem>>
  /** Newest first; `cursor` is the `next` of the page before. */
  history(
    limit: number,
    cursor?: string,
  ): Result<RevisionPage, Problem> | Promise<Result<RevisionPage, Problem>>
  diff(from: number, to: number): Result<Changes, Problem> | Promise<Result<Changes, Problem>>
  /** The compiled snapshot of any kept revision, for explaining old decisions. */
  compiled(
    revision: number,
  ): Result<SnapshotStream, Problem> | Promise<Result<SnapshotStream, Problem>>
}
