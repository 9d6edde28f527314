import { failsIfNoneMatch } from '../../shared/config/etag.ts'
import { MAX_DOCUMENT_BYTES } from '../../shared/config/limits.ts'
import type { Problem } from '../../shared/problem/problem.ts'
import { fail, type Result, succeed } from '../../shared/result.ts'
import type { PublishReceipt, StoredDocument } from '../../shared/rpc/coordinator.ts'
import { readObject, readText } from './body.ts'
import {
  type Answer,
  askCoordinator,
  type Call,
  readAuthor,
  readWhole,
  refuseRequest,
} from './call.ts'

/** The pages of the released configuration: publish, roll back, read, compare. */

const MOST_REVISIONS = 1_000
const DEFAULT_REVISIONS = 100

export async function publish(call: Call): Promise<Answer> {
  const conditions = readConditions(call)
  if (!conditions.ok) return conditions
  const text = await readText(call.request, MAX_DOCUMENT_BYTES)
  if (!text.ok) return text
  const request = { text: text.value, ...conditions.value }
  return printReceipt(
    call,
    await askCoordinator(call, (coordinator) => coordinator.publish(request)),
  )
}

export async function rollBack(call: Call): Promise<Answer> {
  const conditions = readConditions(call)
  if (!conditions.ok) return conditions
  const body = await readObject(call.request)
  if (!body.ok) return body
  const revision = body.value.get('revision')
  if (typeof revision !== 'number' || !Number.isSafeInteger(revision) || revision < 1)
    return refuseRequest('"revision" must be the number of a revision')
  const request = { revision, ...conditions.value }
  return printReceipt(
    call,
    await askCoordinator(call, (coordinator) => coordinator.rollback(request)),
  )
}

export async function showConfig(call: Call): Promise<Answer> {
  return printDocument(call, await askCoordinator(call, (coordinator) => coordinator.document()))
}

export async function showRevision(call: Call): Promise<Answer> {
  const revision = readWhole(call.params['revision'] ?? null)
  if (revision === undefined) return fail({ code: 'revision_not_found' })
  return printDocument(
    call,
    await askCoordinator(call, (coordinator) => coordinator.document(revision)),
  )
}

export async function listRevisions(call: Call): Promise<Answer> {
  const { searchParams } = call.url
  const limit = searchParams.has('limit') ? readWhole(searchParams.get('limit')) : DEFAULT_REVISIONS
  if (limit === undefined || limit > MOST_REVISIONS)
    return refuseRequest(`"limit" must be a number from 1 to ${MOST_REVISIONS}`)
  const cursor = searchParams.get('cursor') ?? undefined
  const page = await askCoordinator(call, (coordinator) => coordinator.history(limit, cursor))
  return page.ok ? succeed({ status: 200, body: page.value }) : page
}

export async function showDiff(call: Call): Promise<Answer> {
  const from = readWhole(call.url.searchParams.get('from'))
  const to = readWhole(call.url.searchParams.get('to'))
  if (from === undefined || to === undefined)
    return refuseRequest('"from" and "to" must be the numbers of revisions')
  const changes = await askCoordinator(call, (coordinator) => coordinator.diff(from, to))
  return changes.ok ? succeed({ status: 200, body: changes.value }) : changes
}

interface Conditions {
  readonly author: string
  readonly dryRun: boolean
  readonly ifMatch?: string
  readonly idempotencyKey?: string
}

function readConditions({ request, url }: Call): Result<Conditions, Problem> {
  const dryRun = url.searchParams.get('dryRun') ?? 'false'
  if (dryRun !== 'true' && dryRun !== 'false')
    return refuseRequest('"dryRun" must be "true" or "false"')
  const ifMatch = request.headers.get('if-match')
  const idempotencyKey = request.headers.get('idempotency-key')
  if (idempotencyKey !== null && !/^[!-~]{1,255}$/.test(idempotencyKey))
    return refuseRequest('Idempotency-Key must have 1 to 255 visible ASCII characters')
  return succeed({
    author: readAuthor(request),
    dryRun: dryRun === 'true',
    ...(ifMatch !== null && { ifMatch }),
    ...(idempotencyKey !== null && { idempotencyKey }),
  })
}

function printReceipt(call: Call, published: Result<PublishReceipt, Problem>): Answer {
  if (!published.ok) return published
  const { status, body } = published.value
  if (body.dryRun === true) return succeed({ status, body })
  if (status === 201) call.wiring.afterPublish(call.env, call.ctx)
  const { revision, etag } = body
  const location = `/admin/config/revisions/${revision}`
  const headers = status === 201 ? { etag, location } : { etag }
  return succeed({ status, body, headers, revision })
}

function printDocument({ request }: Call, found: Result<StoredDocument, Problem>): Answer {
  if (!found.ok) return found
  const { etag, text } = found.value
  const { revision } = found.value.revision
  const seen = request.headers.get('if-none-match')
  const isUnchanged = seen !== null && failsIfNoneMatch(seen, etag)
  return succeed({
    status: isUnchanged ? 304 : 200,
    body: isUnchanged ? null : text,
    headers: { etag },
    revision,
  })
}
