import { Hono } from 'hono/tiny'
import type { Snapshot } from '../../shared/config/snapshot.ts'
import type { Problem } from '../../shared/problem/problem.ts'
import { isSaneRequestId } from '../../shared/proxy/headers.ts'
import type { Result } from '../../shared/result.ts'
import { canonicalizePath, type Target } from '../../shared/routing/path.ts'
import { DEFAULT_KEY_SOURCES, findRoutingKey } from '../../shared/routing/routing-key.ts'
import { toProblemResponse } from '../problem-response.ts'
import { readSettings } from '../settings.ts'
import { CLIENT_CLOSED_REQUEST, logRequest } from './access-log.ts'
import { type Exchange, type Router, startTrail } from './exchange.ts'
import { handle } from './handle.ts'
import { must, Refusal } from './refusal.ts'
import { refuseUnclearForm } from './request-form.ts'

/** The router's own pages, which belong to the control plane: handed in, never imported. */
export interface OwnPages {
  serve(exchange: Exchange): Response | Promise<Response>
  isAdminCredential(exchange: Exchange): Promise<boolean>
}

/**
 * The Hono shell of the data plane: request id, canonical path, own pages, refusals, access log.
 * It matches nothing itself: the canonical path is made before any matcher sees the request.
 */
export function createRouterApp(router: Router, own: OwnPages) {
  const app = new Hono<{ Bindings: Env }>({ getPath: () => '/' })
  app.all('/', async (c) => {
    const parsed = canonicalizePath(c.req.raw.url)
    const exchange = startExchange(c.req.raw, c.env, c.executionCtx, parsed)
    if (exchange.request.body !== null) watchClient(exchange)
    const response = await answer(exchange, parsed, router, own)
    logRequest(exchange, response.status)
    return response
  })
  return app
}

/**
 * A client that resets its connection ends the whole request, and with it the line below. Only
 * uploads pay for the listener: they are the ones that are cut.
 */
function watchClient(exchange: Exchange): void {
  exchange.request.signal.addEventListener('abort', () => {
    exchange.trail.clientLeft = true
    logRequest(exchange, CLIENT_CLOSED_REQUEST)
  })
}

const NO_TARGET: Target = { scheme: '', authority: '', host: '', path: '', query: '' }

function startExchange(
  request: Request,
  env: Env,
  ctx: Exchange['ctx'],
  parsed: Result<Target, Problem>,
): Exchange {
  const given = request.headers.get('x-request-id')
  return {
    request,
    env,
    ctx,
    settings: readSettings(env),
    requestId:
      given !== null && isSaneRequestId(given) ? given : crypto.randomUUID().replaceAll('-', ''),
    target: parsed.ok ? parsed.value : NO_TARGET,
    startedAt: Date.now(),
    trail: startTrail(),
  }
}

async function answer(
  exchange: Exchange,
  parsed: Result<Target, Problem>,
  router: Router,
  own: OwnPages,
): Promise<Response> {
  try {
    refuseMethod(exchange.request.method)
    must(parsed)
    must(refuseUnclearForm(exchange.request, exchange.target))
    if (await isForRouterItself(exchange, router, own)) return await own.serve(exchange)
    return await handle(exchange, router)
  } catch (error) {
    return refuse(exchange, error)
  }
}

/** TRACE would show a client the fields that this router adds; CONNECT is no gateway's business. */
function refuseMethod(method: string): void {
  if (method !== 'TRACE' && method !== 'CONNECT') return
  const allow = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'
  throw new Refusal({ code: 'method_not_allowed', allow })
}

const OWN_PATH = /^\/(?:health|ready|metrics|admin(?:\/.*)?|debug\/.*)$/
const OPEN_ON_EVERY_HOST = new Set(['/health', '/ready'])
const isAdminPath = (path: string): boolean => path === '/admin' || path.startsWith('/admin/')

/** A request with a routing key belongs to a tenant; one without may be for the router itself. */
function isForRouterItself(
  exchange: Exchange,
  router: Router,
  own: OwnPages,
): boolean | Promise<boolean> {
  const { adminHosts } = exchange.settings
  if (adminHosts.size > 0 && adminHosts.has(exchange.target.host)) return true
  return OWN_PATH.test(exchange.target.path) ? isKeylessOwnPage(exchange, router, own) : false
}

async function isKeylessOwnPage(
  exchange: Exchange,
  router: Router,
  own: OwnPages,
): Promise<boolean> {
  const { request, target, settings } = exchange
  const sources = await readKeySources(exchange, router)
  const found = findRoutingKey(sources, { headers: request.headers, target })
  const hasKey = !found.ok || found.value !== null
  if (hasKey && isAdminPath(target.path) && (await own.isAdminCredential(exchange)))
    throw new Refusal({ code: 'admin_credential_on_tenant_path' })
  if (hasKey) return false
  return settings.adminHosts.size === 0 || OPEN_ON_EVERY_HOST.has(target.path)
}

/**
 * The sources in force. Liveness must not wait for anything: before the first snapshot `/health`
 * goes by the default source alone. Without any configuration so does everything.
 */
async function readKeySources(exchange: Exchange, router: Router): Promise<Snapshot['routingKey']> {
  const held = router.heldSnapshot()
  if (held !== undefined) return held.routingKey
  if (exchange.target.path === '/health') return DEFAULT_KEY_SOURCES
  try {
    return (await router.currentSnapshot(exchange)).routingKey
  } catch (error) {
    if (error instanceof Refusal) return DEFAULT_KEY_SOURCES
    throw error
  }
}

function refuse(exchange: Exchange, error: unknown): Response {
  const { requestId, trail } = exchange
  if (error instanceof Refusal) return toProblemResponse(error.problem, requestId, trail.revision)
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  // biome-ignore lint/suspicious/noConsole: a bug of ours, told to the operator and to nobody else.
  console.error(JSON.stringify({ event: 'internal_error', request_id: requestId, stack }))
  return toProblemResponse({ code: 'internal_error' }, requestId, trail.revision)
}
