import { DurableObject } from 'cloudflare:workers'
import type { BreakerView } from '../shared/breaker/view.ts'
import { compileSnapshot } from '../shared/config/compile.ts'
import type { Config } from '../shared/config/config.ts'
import { diffConfigs } from '../shared/config/diff.ts'
import { printEtag } from '../shared/config/etag.ts'
import { adviseIntervalMs, emptyLoad, noteRefresh } from '../shared/config/refresh.ts'
import { printHex } from '../shared/hex.ts'
import type { Problem } from '../shared/problem/problem.ts'
import { fail, type Result, succeed } from '../shared/result.ts'
import type {
  Changes,
  CoordinatorApi,
  PublishReceipt,
  PublishRequest,
  RefreshReply,
  RefreshRequest,
  RevisionPage,
  RollbackRequest,
  SnapshotStream,
  StoredDocument,
} from '../shared/rpc/coordinator.ts'
import { parseSettings, type Settings } from '../shared/settings.ts'
import { listBindings } from './bindings.ts'
import { clipForAnswer } from './clip-changes.ts'
import { log } from './log.ts'
import { forget, prune, replicate } from './maintenance.ts'
import { configureBreakers, isUnconfigured, noteView, printViews } from './placements.ts'
import {
  type Draft,
  isOutdated,
  publishDraft,
  readAccepted,
  readUsable,
  renewSnapshot,
} from './publication.ts'
import { loadSha256, type Sha256 } from './sha256.ts'
import { AlarmQueue } from './storage/alarm-queue.ts'
import { ANSWER_LIFE_MS, answerOnce } from './storage/answers.ts'
import { listPrunable, readText } from './storage/documents.ts'
import { migrate } from './storage/migrate.ts'
import { openReplica } from './storage/replicas.ts'
import { listRevisions, readNewest, readRevision } from './storage/revisions.ts'
import { readHead, streamSnapshot } from './storage/snapshots.ts'

/**
 * The one writer of released configuration: loads, runs the pure functions of shared/config, stores.
 * No request of a tenant ever waits for it. An acknowledged publish is on disk, whole: everything
 * from the first read to the last write is one synchronous transaction without an await.
 */
export class ConfigCoordinator extends DurableObject<Env> implements CoordinatorApi {
  readonly #sql = this.ctx.storage.sql
  readonly #settings: Settings = parseSettings(this.env).settings
  readonly #replica = openReplica(this.env)
  /** The binding may be absent: then every isolate is on its own. */
  readonly #hasBreakers = 'BREAKER' in this.env
  readonly #queue: AlarmQueue
  #load = emptyLoad

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    migrate(ctx.storage)
    this.#queue = new AlarmQueue(ctx.storage, {
      replicate: () =>
        this.#replica &&
        replicate(this.#sql, this.#replica, () => {
          this.#queue.mark('replicate', Date.now())
          this.#queue.arm()
        }),
      prune: (now) => prune(ctx.storage, now),
      forget: (now) => forget(ctx.storage, now),
      configure: () =>
        configureBreakers(this.#sql, (placement) => env.BREAKER.getByName(placement)),
    })
    if (this.#hasBreakers && isUnconfigured(this.#sql)) this.#queue.mark('configure', Date.now())
    this.#queue.arm()
    if (isOutdated(this.#sql)) void ctx.blockConcurrencyWhile(() => this.#renew())
  }

  refresh(request: RefreshRequest): RefreshReply {
    const now = Date.now()
    this.#load = noteRefresh(this.#load, now, request.waitedMs)
    const head = readHead(this.#sql)
    const revision = head?.revision ?? 0
    const snapshot = revision > request.revision ? streamSnapshot(this.#sql, revision) : undefined
    const intervalMs = adviseIntervalMs(this.#load, now)
    const views = this.#hasBreakers && printViews(this.#sql, request.viewsVersion, now)
    const reply = { revision, digest: head?.digest ?? '', intervalMs, viewsVersion: 0, ...views }
    return snapshot ? { ...reply, snapshot } : reply
  }

  noteView(placement: string, view: BreakerView): boolean {
    return noteView(this.#sql, placement, view, Date.now())
  }

  async publish(request: PublishRequest): Promise<Result<PublishReceipt, Problem>> {
    return this.#submit('publish', request.text, request, await loadSha256(), () =>
      succeed({ ...request, restoredFrom: null }),
    )
  }

  async rollback(request: RollbackRequest): Promise<Result<PublishReceipt, Problem>> {
    const { revision, dryRun = false } = request
    return this.#submit('rollback', String(revision), request, await loadSha256(), () => {
      const stored = this.document(revision)
      if (!stored.ok) return stored
      return succeed({ ...request, dryRun, text: stored.value.text, restoredFrom: revision })
    })
  }

  document(revision?: number): Result<StoredDocument, Problem> {
    const found = revision === undefined ? readNewest(this.#sql) : readRevision(this.#sql, revision)
    if (found === undefined)
      return fail(revision === undefined ? { code: 'nothing_published' } : refuseUnknown(revision))
    const text = readText(this.#sql, found.checksum)
    if (text === undefined) return fail(refusePruned(found.revision))
    return succeed({ revision: found, etag: printEtag(found), text })
  }

  history(limit: number, cursor?: string): Result<RevisionPage, Problem> {
    const before = cursor === undefined ? Number.MAX_SAFE_INTEGER : Number(cursor)
    if (!Number.isSafeInteger(before) || before < 1)
      return fail({ code: 'invalid_request', detail: 'The cursor is not one that was handed out' })
    return succeed(listRevisions(this.#sql, limit, before))
  }

  diff(from: number, to: number): Result<Changes, Problem> {
    const older = this.#readConfig(from)
    if (!older.ok) return older
    const newer = this.#readConfig(to)
    if (!newer.ok) return newer
    return succeed(clipForAnswer(diffConfigs(older.value, newer.value)))
  }

  async compiled(revision: number): Promise<Result<SnapshotStream, Problem>> {
    const stored = readUsable(this.#sql, revision)
    if (stored !== undefined) return succeed(streamBytes(stored))
    const sha256 = await loadSha256()
    const found = readRevision(this.#sql, revision)
    if (found === undefined) return fail(refuseUnknown(revision))
    const config = this.#readConfig(revision)
    if (!config.ok) return config
    const compiled = compileSnapshot(config.value, found, sha256)
    if (!compiled.ok) return fail({ code: 'body_too_large' })
    return succeed(streamBytes(compiled.value))
  }

  override async alarm(): Promise<void> {
    await this.#queue.run()
  }

  /** Never throws: an object that cannot compile its document still answers for it. */
  async #renew(): Promise<void> {
    const now = Date.now()
    try {
      const sha256 = await loadSha256()
      const renewed = this.ctx.storage.transactionSync(() => {
        const before = readHead(this.#sql)?.revision
        const result = renewSnapshot(this.#sql, sha256, now)
        this.#markTasks(false, before, now)
        return result
      })
      this.#queue.arm()
      if (renewed.ok) log('recompile', { ...renewed.value })
      else log('recompile_failed', { reason: renewed.error.detail ?? renewed.error.code })
    } catch (error) {
      log('recompile_failed', { reason: String(error) })
    }
  }

  /** In one transaction: the first answer again for a key that was seen, or a publication. */
  #submit(
    operation: 'publish' | 'rollback',
    body: string,
    request: PublishRequest | RollbackRequest,
    sha256: Sha256,
    read: () => Result<Draft, Problem>,
  ): Result<PublishReceipt, Problem> {
    const now = Date.now()
    const settings = this.#settings
    const bindings = listBindings(this.env)
    const before = readHead(this.#sql)?.revision
    const publish = (): Result<PublishReceipt, Problem> => {
      const draft = read()
      if (!draft.ok) return draft
      return publishDraft(this.#sql, draft.value, { settings, bindings, sha256, now })
    }
    const answer = this.ctx.storage.transactionSync(() => {
      const key = request.dryRun === true ? undefined : request.idempotencyKey
      const bodyHash = key && printHex(sha256(encode(`${operation}\n${body}`)))
      const answered = answerOnce(this.#sql, key, bodyHash ?? '', now, publish)
      this.#markTasks(answered.ok && key !== undefined, before, now)
      return answered
    })
    this.#queue.arm()
    if (answer.ok && readHead(this.#sql)?.revision !== before) logRelease(operation, answer.value)
    return answer
  }

  /** What the transaction leaves to the alarm; marked inside it, so that no mark is ever lost. */
  #markTasks(isRemembered: boolean, before: number | undefined, now: number): void {
    if (isRemembered) this.#queue.mark('forget', now + ANSWER_LIFE_MS)
    const revision = readHead(this.#sql)?.revision
    if (revision === undefined || revision === before) return
    if (this.#replica !== undefined) this.#queue.mark('replicate', now)
    if (this.#hasBreakers) this.#queue.mark('configure', now)
    if (listPrunable(this.#sql, revision, 1).length > 0) this.#queue.mark('prune', now)
  }

  #readConfig(revision: number): Result<Config, Problem> {
    const found = readRevision(this.#sql, revision)
    if (found === undefined) return fail(refuseUnknown(revision))
    const text = readText(this.#sql, found.checksum)
    return text === undefined ? fail(refusePruned(revision)) : readAccepted(text)
  }
}

const streamBytes = (bytes: Uint8Array): SnapshotStream => ({
  lengthBytes: bytes.byteLength,
  body: new Blob([bytes]).stream(),
})

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

const refuseUnknown = (revision: number): Problem => ({
  code: 'revision_not_found',
  detail: `There is no revision ${revision}`,
})

const refusePruned = (revision: number): Problem => ({
  code: 'revision_pruned',
  detail: `The document of revision ${revision} is no longer kept, only its metadata`,
})

function logRelease(event: string, { body }: PublishReceipt): void {
  const { changes: _, warnings, ...revision } = body
  log(event, { ...revision, warnings: warnings.length })
}
