/**
 * The yardstick: what an expert writes by hand for this one configuration, in one function, with
 * no framework, layers or options. It does what the router does to a plain request, on the same
 * platform calls: routing key, path check, lookup, request and response headers, first-byte
 * deadline, breaker counts, log line. The benchmark refuses to judge unless both send the same headers. What it
 * leaves out costs a plain request nothing: WebSockets, body limits, other sources of the key,
 * reload of the configuration. The constants switch features off to tell what each costs.
 */
import { env } from 'cloudflare:workers'

declare const HEADERS: boolean
declare const TIMER: boolean
declare const LOG: boolean
declare const DECISION: boolean
declare const BREAKER: boolean

interface Place {
  readonly name: string
  readonly reason: string
  readonly base: string
  readonly index: number
}

/** What a breaker in the isolate counts of a placement: per key, and failures in a row. */
interface Health {
  state: string
  openUntil: number
  streak: number
  readonly byKey: Map<number, { succeeded: number; failed: number }>
}

const { ROUTES } = env as unknown as {
  ROUTES: { table: Record<string, number>; places: Place[]; fallback: Place; revision: number }
}
const REVISION = ROUTES.revision
const REVISION_TEXT = String(REVISION)
const FALLBACK = ROUTES.fallback
const FIRST = ROUTES.places[0] as Place
const TABLE = new Map<string, Place>(
  Object.entries(ROUTES.table).map(([key, index]) => [key, ROUTES.places[index] as Place]),
)

const HEALTHS = new Map<string, Health>()
const UNKNOWN: Health = { state: 'unknown', openUntil: 0, streak: 0, byKey: new Map() }

function findHealth(name: string): Health {
  const known = HEALTHS.get(name)
  if (known !== undefined) return known
  const health = { ...UNKNOWN, byKey: new Map() }
  HEALTHS.set(name, health)
  return health
}

function hashKey(key: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  return hash & 255
}

function count(health: Health, key: string, hasFailed: boolean, now: number): void {
  const bucket = hashKey(key)
  const counts = health.byKey.get(bucket) ?? { succeeded: 0, failed: 0 }
  health.byKey.set(bucket, counts)
  if (hasFailed) {
    counts.failed++
    if (++health.streak >= 5) health.openUntil = now + 2_000
  } else {
    counts.succeeded++
    health.streak = 0
  }
}

const DEADLINE_MS = 10_000
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const ODD_PATH = /[\\\0-\x1f\x7f]|%(?:5c|00)|\/(?:\.|%2e){1,2}(?:\/|$)/i
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const ODD_KEY = /[\0-\x1f\x7f,]|^$/
const BEYOND_ASCII = /[^\0-\x7f]/
const SANE_ID = /^[\w.\-:+/=@~]{1,128}$/
const KEPT = new Set(['authorization', 'content-length', 'content-type', 'cookie', 'host', 'via'])

const DROPPED = new Set([
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
  'x-real-ip',
  'true-client-ip',
  'x-routed-to',
  'x-route-reason',
  'x-failover-reason',
  'x-circuit-state',
  'x-config-revision',
])
const DROPPED_FAMILY = /^(?:cf-|proxy-|x-(?:placement|internal|edge|router)(?:-|$))/
/** Most names are told by their first letter to be none of them. */
const MAY_DROP: boolean[] = []
for (const letter of 'cekptux') MAY_DROP[letter.charCodeAt(0)] = true

const refuse = (status: number, id: string): Response =>
  new Response(JSON.stringify({ status, instance: id }), {
    status,
    headers: { 'content-type': 'application/problem+json', 'x-request-id': id },
  })

const readUtf8 = (key: string): string =>
  new TextDecoder().decode(Uint8Array.from(key, (character) => character.charCodeAt(0)))

/** `Connection: x-hop` takes X-Hop away, but never what authenticates or routes. */
function dropNominated(headers: Headers, connection: string): void {
  for (const token of connection.split(',')) {
    const name = token.trim().toLowerCase()
    if (/^[!#$%&'*+\-.^_`|~\w]+$/.test(name) && !KEPT.has(name) && !name.startsWith('x-'))
      headers.delete(name)
  }
}

export default {
  // biome-ignore lint/complexity/noExcessiveCognitiveComplexity: flat on purpose, see above.
  async fetch(request: Request): Promise<Response> {
    const { url, method, headers: inbound } = request
    const startedAt = LOG ? Date.now() : 0
    const pathStart = url.indexOf('/', 8)
    const mark = url.indexOf('?', pathStart)

    let id = ''
    if (HEADERS || LOG) {
      const given = inbound.get('x-request-id')
      id = given !== null && SANE_ID.test(given) ? given : crypto.randomUUID().replaceAll('-', '')
    }

    let key = ''
    let place = FIRST
    let reason = FIRST.reason
    if (DECISION) {
      if (ODD_PATH.test(mark === -1 ? url.slice(pathStart) : url.slice(pathStart, mark)))
        return refuse(400, id)
      key = inbound.get('x-routing-key') ?? ''
      if (key.length > 256 || ODD_KEY.test(key)) return refuse(400, id)
      if (BEYOND_ASCII.test(key)) key = readUtf8(key)
      const found = TABLE.get(key)
      place = found ?? FALLBACK
      reason = found === undefined ? 'default' : found.reason
    }

    const health = BREAKER ? findHealth(place.name) : UNKNOWN
    if (BREAKER && health.openUntil > startedAt) return refuse(503, id)

    let headers = inbound
    if (HEADERS) {
      headers = new Headers(inbound)
      for (const name of inbound.keys()) {
        if (MAY_DROP[name.charCodeAt(0)] && (DROPPED.has(name) || DROPPED_FAMILY.test(name)))
          headers.delete(name)
      }
      const connection = inbound.get('connection')
      if (connection !== null && connection !== 'keep-alive' && connection !== 'close')
        dropNominated(headers, connection)
      const peer = request.cf?.['clientIp'] as string
      const client = peer.slice(0, peer.lastIndexOf(':'))
      const trail = inbound.get('x-forwarded-for')
      const via = inbound.get('via')
      headers.set('x-forwarded-for', trail === null ? client : `${trail}, ${client}`)
      headers.set('x-forwarded-proto', url.slice(0, url.indexOf(':')))
      headers.set('x-forwarded-host', url.slice(url.indexOf('/') + 2, pathStart))
      headers.set('x-request-id', id)
      headers.set('via', via === null ? '1.1 cellway' : `${via}, 1.1 cellway`)
    }

    const init: RequestInit = { method, headers, body: request.body, redirect: 'manual' }
    let timer: ReturnType<typeof setTimeout> | undefined
    if (TIMER) {
      const controller = new AbortController()
      timer = setTimeout(() => controller.abort(), DEADLINE_MS)
      init.signal = controller.signal
    }
    let upstream: Response
    const sentAt = LOG ? Date.now() : 0
    try {
      upstream = await fetch(place.base + url.slice(pathStart), init)
    } catch {
      return refuse(502, id)
    } finally {
      if (TIMER) clearTimeout(timer)
    }
    const answeredAt = LOG ? Date.now() : 0
    if (BREAKER) count(health, key, upstream.status >= 500, answeredAt)

    let response = upstream
    if (HEADERS) {
      response = new Response(upstream.body, upstream)
      const out = response.headers
      const connection = out.get('connection')
      if (connection !== null && connection !== 'keep-alive' && connection !== 'close')
        dropNominated(out, connection)
      out.delete('x-failover-reason')
      out.delete('proxy-status')
      out.delete('proxy-connection')
      out.delete('proxy-authenticate')
      out.delete('proxy-authentication-info')
      out.set('x-routed-to', place.name)
      out.set('x-route-reason', reason)
      out.set('x-circuit-state', health.state)
      out.set('x-config-revision', REVISION_TEXT)
      out.set('x-request-id', id)
    }

    if (LOG) {
      const now = Date.now()
      console.log(
        JSON.stringify({
          timestamp: new Date(now).toISOString(),
          event: 'request',
          request_id: id,
          method,
          path: mark === -1 ? url.slice(pathStart) : url.slice(pathStart, mark),
          routing_key: key,
          placement_key: place.name,
          route_reason: reason,
          failover_reason: null,
          circuit_state: health.state,
          config_revision: REVISION,
          endpoint: 0,
          attempts: 1,
          status_code: response.status,
          duration_ms: now - startedAt,
          upstream_ms: answeredAt - sentAt,
          colo: request.cf?.['colo'] ?? null,
        }),
      )
    }
    return response
  },
}
