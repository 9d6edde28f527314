import { openSnapshot, type Snapshot } from '../../shared/config/snapshot.ts'
import type { Problem } from '../../shared/problem/problem.ts'
import { fail, type Result, succeed } from '../../shared/result.ts'
import { canonicalizePath } from '../../shared/routing/path.ts'
import { isObject, readObject } from './body.ts'
import {
  type Answer,
  askCoordinator,
  type Call,
  readHeld,
  readWhole,
  refuseRequest,
} from './call.ts'
import { type Question, trace } from './trace.ts'

/** "Where would this request go, and why": answered by the functions that route, without routing. */

export async function explainKey(call: Call): Promise<Answer> {
  const { searchParams, search } = call.url
  if (!searchParams.has('key')) return refuseRequest('"key" is missing: /admin/explain?key=acme')
  const revision = searchParams.has('revision')
    ? (readWhole(searchParams.get('revision')) ?? null)
    : undefined
  const target = { scheme: 'https', authority: '', host: '', path: '/', query: search }
  const sources = [{ kind: 'query', name: 'key' }] as const
  return explain(call, revision, { sources, headers: call.request.headers, target })
}

export async function explainRequest(call: Call): Promise<Answer> {
  const body = await readObject(call.request)
  if (!body.ok) return body
  const { method = 'GET', url, headers = {}, revision } = body.value
  if (typeof method !== 'string') return refuseRequest('"method" must be a string')
  if (typeof url !== 'string') return refuseRequest('"url" must be a string')
  const absolute = url.startsWith('/') ? call.url.origin + url : url
  if (!/^https?:\/\/[^/]/i.test(absolute))
    return refuseRequest('"url" must be an http or https URL, or a path')
  const parsed = readHeaders(headers)
  if (parsed === undefined)
    return refuseRequest('"headers" must be an object of header names and their values')
  const target = canonicalizePath(absolute)
  const asked = revision === undefined ? undefined : (readWhole(String(revision)) ?? null)
  return explain(call, asked, { method: method.toUpperCase(), headers: parsed, target })
}

/** `revision` null: not a number; undefined: what this isolate routes by. */
async function explain(
  call: Call,
  revision: number | null | undefined,
  question: Question,
): Promise<Answer> {
  if (revision === null) return refuseRequest('"revision" must be the number of a revision')
  const held = call.wiring.held()
  if (revision !== undefined && revision !== held?.snapshot.revision) {
    const old = await loadRevision(call, revision)
    if (!old.ok) return old
    return succeed({ status: 200, body: trace(old.value, 'history', question), revision })
  }
  const current = await readHeld(call)
  if (!current.ok) return current
  const { snapshot, source } = current.value
  return succeed({ status: 200, body: trace(snapshot, source, question) })
}

function loadRevision(call: Call, revision: number): Promise<Result<Snapshot, Problem>> {
  return askCoordinator(call, async (coordinator) => {
    const compiled = await coordinator.compiled(revision)
    if (!compiled.ok) return compiled
    const bytes = await new Response(compiled.value.body).bytes()
    const opened = openSnapshot(bytes)
    return opened.ok ? opened : fail({ code: 'internal_error' })
  })
}

function readHeaders(given: unknown): Headers | undefined {
  if (!isObject(given)) return undefined
  const headers = new Headers()
  try {
    for (const [name, value] of Object.entries(given)) {
      for (const line of Array.isArray(value) ? value : [value]) {
        if (typeof line !== 'string') return undefined
        headers.append(name, line)
      }
    }
    return headers
  } catch {
    return undefined
  }
}
