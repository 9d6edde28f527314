/** The admin API as its users call it: one function per call, answers as they came. */
import type { OutgoingHttpHeaders } from 'node:http'
import { type Answer, type Call, pollUntil, send } from './http.ts'
import type { Target as Running } from './targets.ts'

type Target = Pick<Running, 'port' | 'token'>

export interface Published {
  readonly revision: number
  readonly etag: string
  readonly label: string
  readonly checksum: string
  readonly publishedAt: string
  readonly author: string
  readonly changes: unknown
}

export interface DebugConfig {
  readonly version: string
  readonly revision: number
  readonly source: 'coordinator' | 'replica' | 'bootstrap'
  readonly last_reload_at: string
  readonly age_ms: number
}

export interface AdminOptions {
  readonly headers?: OutgoingHttpHeaders
  /** Default: the target's admin token; null: none. */
  readonly token?: string | null
}

/** Any call of the admin API, with the admin token. */
export function callAdmin(
  target: Target,
  call: Call,
  { token = target.token, headers }: AdminOptions = {},
): Promise<Answer> {
  const authorization = token === null ? {} : { Authorization: `Bearer ${token}` }
  return send(target, { ...call, headers: { ...call.headers, ...authorization, ...headers } })
}

/** `document`: a string is sent as it is, anything else as JSON. */
export function publish(
  target: Target,
  document: unknown,
  options?: AdminOptions & { readonly dryRun?: boolean },
): Promise<Answer> {
  const body = typeof document === 'string' ? document : JSON.stringify(document)
  const path = options?.dryRun === true ? '/admin/config?dryRun=true' : '/admin/config'
  return callAdmin(target, { method: 'POST', path, body }, options)
}

/** Publishes and waits until the isolate serves it. @throws when the document is refused */
export async function publishAndWait(
  target: Target,
  document: unknown,
  options?: AdminOptions,
): Promise<Published> {
  const answer = await publish(target, document, options)
  if (answer.status !== 201 && answer.status !== 200)
    throw new Error(`publish: ${answer.status} ${answer.text}`)
  const published = JSON.parse(answer.text) as Published
  await waitUntilServed(target, published.revision)
  return published
}

/** Waits until the isolate serves that revision or a later one. */
export function waitUntilServed(target: Target, revision: number): Promise<DebugConfig> {
  return pollUntil(
    () => getDebugConfig(target),
    (served) => served.revision >= revision,
  )
}

export async function getDebugConfig(target: Target): Promise<DebugConfig> {
  const answer = await callAdmin(target, { path: '/debug/config' })
  if (answer.status !== 200) throw new Error(`/debug/config: ${answer.status} ${answer.text}`)
  return JSON.parse(answer.text) as DebugConfig
}

export const getConfig = (target: Target, options?: AdminOptions): Promise<Answer> =>
  callAdmin(target, { path: '/admin/config' }, options)

export function listRevisions(
  target: Target,
  { limit, cursor, ...options }: AdminOptions & { limit?: number; cursor?: string } = {},
): Promise<Answer> {
  const query = new URLSearchParams()
  if (limit !== undefined) query.set('limit', String(limit))
  if (cursor !== undefined) query.set('cursor', cursor)
  const path = `/admin/config/revisions${query.size > 0 ? `?${query}` : ''}`
  return callAdmin(target, { path }, options)
}

export const getRevision = (
  target: Target,
  revision: number | string,
  options?: AdminOptions,
): Promise<Answer> => callAdmin(target, { path: `/admin/config/revisions/${revision}` }, options)

export const getDiff = (
  target: Target,
  from: number,
  to: number,
  options?: AdminOptions,
): Promise<Answer> =>
  callAdmin(target, { path: `/admin/config/diff?from=${from}&to=${to}` }, options)

export const rollback = (
  target: Target,
  revision: number,
  options?: AdminOptions,
): Promise<Answer> =>
  callAdmin(
    target,
    { method: 'POST', path: '/admin/config/rollback', body: JSON.stringify({ revision }) },
    options,
  )

export const explain = (target: Target, key: string, options?: AdminOptions): Promise<Answer> =>
  callAdmin(target, { path: `/admin/explain?key=${encodeURIComponent(key)}` }, options)
