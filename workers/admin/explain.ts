import type { Json } from '../../shared/config/json.ts'
import { openSnapshot, type Snapshot } from '../../shared/config/snapshot.ts'
import type { Problem } from '../../shared/problem/problem.ts'
import { fail, type Result, succeed } from '../../shared/result.ts'
import { canonicalizePath } from '../../shared/routing/path.ts'
import { readObject } from './body.ts'
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
  const target = { scheme: '', authority: '', host: '', path: '/', query: search }
  return explain(call, searchParams.get('revision') ?? undefined, {
    sources: [{ kind: 'query', name: 'key' }],
    headers: new Headers(),
    target: succeed(target),
  })
}

export async function explainRequest(call: Call): Promise<Answer> {
  const body = await readObject(call.request)
  if (!body.ok) return body
  const method = body.value.get('method') ?? 'GET'
  if (typeof method !== 'string' || !TOKEN.test(method))
    return refuseRequest('"method" must be the name of a method')
  const url = body.value.get('url')
  if (typeof url !== 'string' || !(url.startsWith('/') || isHttpUrl(url)))
    return refuseRequest('"url" must be an http or https URL, or a path')
  const headers = readHeaders(body.value.get('headers') ?? new Map())
  if (headers === undefined)
    return refuseRequest('"headers" must be an object of header names and their values')
  // A path is asked about for a host of tenants, whichever that is: never for this one.
  const target = canonicalizePath(url.startsWith('/') ? `https://${url}` : url)
  return explain(call, body.value.get('revision') ?? undefined, {
    method: method.toUpperCase(),
    headers,
    target,
  })
}

/** RFC 9110 section 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~\w]+$/

const isHttpUrl = (url: string): boolean => /^https?:\/\/[^/]/i.test(url) && URL.canParse(url)

/** `revision` undefined: what this isolate routes by. */
async function explain(
  call: Call,
  revision: Json | undefined,
  question: Question,
): Promise<Answer> {
  const asked = revision === undefined ? undefined : readWhole(String(revision))
  if (revision !== undefined && asked === undefined)
    return refuseRequest('"revision" must be the number of a revision')
  const current = await readHeld(call)
  const held = current.ok ? current.value : undefined
  if (asked !== undefined && asked !== held?.snapshot.revision) {
    const old = await loadRevision(call, asked)
    if (!old.ok) return old
    const body = trace(old.value, 'history', question, call)
    return succeed({ status: 200, body, revision: asked })
  }
  if (!current.ok) return current
  const { snapshot, source } = current.value
  return succeed({ status: 200, body: trace(snapshot, source, question, call) })
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

function readHeaders(given: Json): Headers | undefined {
  if (!(given instanceof Map)) return undefined
  const headers = new Headers()
  try {
    for (const [name, value] of given) {
      for (const line of [value].flat()) {
        if (typeof line !== 'string') return undefined
        headers.append(name, line)
      }
    }
    return headers
  } catch {
    return undefined
  }
}
