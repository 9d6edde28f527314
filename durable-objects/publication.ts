import { compileSnapshot } from '../shared/config/compile.ts'
import type { Config } from '../shared/config/config.ts'
import { diffConfigs } from '../shared/config/diff.ts'
import type { EndpointContext } from '../shared/config/endpoint.ts'
import { checkIfMatch, printEtag } from '../shared/config/etag.ts'
import { MAX_DOCUMENT_BYTES } from '../shared/config/limits.ts'
import { readDocument } from '../shared/config/read-document.ts'
import { openSnapshot, readDigest } from '../shared/config/snapshot.ts'
import { printHex } from '../shared/hex.ts'
import type { Problem } from '../shared/problem/problem.ts'
import { fail, type Result, succeed } from '../shared/result.ts'
import type { Changes, Finding, PublishReceipt, Revision } from '../shared/rpc/coordinator.ts'
import type { Settings } from '../shared/settings.ts'
import { ANY_BINDING, type BindingNames } from './bindings.ts'
import { clipForAnswer } from './clip-changes.ts'
import type { Sha256 } from './sha256.ts'
import { keepDocument, readText } from './storage/documents.ts'
import { insertRevision, readNewest } from './storage/revisions.ts'
import { readSnapshot, storeSnapshot } from './storage/snapshots.ts'

/** A document on its way to become the next revision. */
export interface Draft {
  readonly text: string
  readonly author: string
  readonly ifMatch?: string
  readonly dryRun: boolean
  /** The revision whose content this is; null: a publish. */
  readonly restoredFrom: number | null
}

export interface Environment {
  readonly settings: Settings
  readonly bindings: BindingNames
  readonly sha256: Sha256
  /** Epoch ms. */
  readonly now: number
}

/**
 * Reads, checks, compiles and stores a draft. Synchronous, and called inside one transaction: it
 * is all or nothing, and nothing can be published between the check of If-Match and the write.
 */
export function publishDraft(
  sql: SqlStorage,
  draft: Draft,
  environment: Environment,
): Result<PublishReceipt, Problem> {
  const { settings, bindings, sha256, now } = environment
  if (encode(draft.text).byteLength > MAX_DOCUMENT_BYTES) return fail(TOO_LARGE)
  const { allowPrivateEndpoints } = settings
  const read = readDraft(draft.text, { allowPrivateEndpoints, ...bindings }, sha256)
  if (!read.ok) return read
  const { config, checksum, warnings } = read.value

  const current = readNewest(sql)
  const refused = checkIfMatch(draft.ifMatch, current, settings.requireIfMatch)
  if (refused !== undefined) return fail(refused)
  if (current?.checksum === checksum && draft.restoredFrom === null)
    return succeed(printReceipt(200, current, NO_CHANGES, warnings, draft.dryRun))

  const next: Revision = {
    revision: (current?.revision ?? 0) + 1,
    label: config.label,
    author: draft.author,
    publishedAt: new Date(now).toISOString(),
    checksum,
    parent: current?.revision ?? null,
    restoredFrom: draft.restoredFrom,
  }
  const compiled = compileSnapshot(config, next, sha256)
  if (!compiled.ok) return fail(COMPILED_TOO_LARGE)
  const changes = clipForAnswer(diffConfigs(readParent(sql, current), config))
  if (draft.dryRun) return succeed(printReceipt(200, next, changes, warnings, true))

  store(sql, next, draft.text, compiled.value)
  return succeed(printReceipt(201, next, changes, warnings, false))
}

/** The canonical text, as long as the document, is gone before anything is compiled. */
function readDraft(text: string, context: EndpointContext, sha256: Sha256) {
  const read = readDocument(text, context)
  if (!read.ok) return read
  const { canonical, ...rest } = read.value
  return succeed({ ...rest, checksum: printHex(sha256(encode(canonical))) })
}

/** True: the current revision has no snapshot that this code can open, as after a change of format. */
export function isOutdated(sql: SqlStorage): boolean {
  const current = readNewest(sql)
  return current !== undefined && readUsable(sql, current.revision) === undefined
}

/** The stored snapshot of a revision, if this code can open it. */
export function readUsable(sql: SqlStorage, revision: number): Uint8Array | undefined {
  const stored = readSnapshot(sql, revision)
  return stored && openSnapshot(stored).ok ? stored : undefined
}

/**
 * Compiles the current document again. It becomes a new revision: isolates of other code hold the
 * present one with another digest.
 */
export function renewSnapshot(
  sql: SqlStorage,
  sha256: Sha256,
  now: number,
): Result<Revision, Problem> {
  const current = readNewest(sql)
  const text = current && readText(sql, current.checksum)
  if (current === undefined || text === undefined) return fail({ code: 'nothing_published' })
  const config = readAccepted(text)
  if (!config.ok) return config
  const { revision } = current
  const next: Revision = {
    ...current,
    revision: revision + 1,
    author: 'cellway',
    publishedAt: new Date(now).toISOString(),
    parent: revision,
    restoredFrom: revision,
  }
  const compiled = compileSnapshot(config.value, next, sha256)
  if (!compiled.ok) return fail(COMPILED_TOO_LARGE)
  store(sql, next, text, compiled.value)
  return succeed(next)
}

/** Reads a document that was accepted once, whatever this deployment still has of its bindings. */
export const readAccepted = (text: string): Result<Config, Problem> => {
  const read = readDocument(text, { allowPrivateEndpoints: true, ...ANY_BINDING })
  return read.ok ? succeed(read.value.config) : read
}

/** null: nothing before, or nothing that can still be read, so that everything counts as added. */
function readParent(sql: SqlStorage, parent: Revision | undefined): Config | null {
  const text = parent && readText(sql, parent.checksum)
  const read = text === undefined ? undefined : readAccepted(text)
  return read?.ok ? read.value : null
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

const TOO_LARGE: Problem = {
  code: 'body_too_large',
  detail: `The document is larger than ${MAX_DOCUMENT_BYTES} bytes`,
}
const COMPILED_TOO_LARGE: Problem = {
  code: 'body_too_large',
  detail: 'The compiled snapshot of the document is larger than 16 MiB',
}
const NO_CHANGES: Changes = {
  routingTable: { added: [], removed: [], changed: [] },
  placements: { added: [], removed: [], changed: [] },
}

function store(sql: SqlStorage, added: Revision, text: string, snapshot: Uint8Array): void {
  const { revision, checksum } = added
  insertRevision(sql, added)
  keepDocument(sql, checksum, revision, encode(text))
  const head = { revision, digest: readDigest(snapshot), lengthBytes: snapshot.byteLength }
  storeSnapshot(sql, head, snapshot)
}

function printReceipt(
  status: 200 | 201,
  revision: Revision,
  changes: Changes,
  warnings: readonly Finding[],
  isDryRun: boolean,
): PublishReceipt {
  const body = { ...revision, etag: printEtag(revision), changes, warnings }
  return { status, body: isDryRun ? { ...body, dryRun: true } : body }
}
