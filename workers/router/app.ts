import { Hono } from 'hono/tiny'
import type { Problem } from '../../shared/problem/problem.ts'
import { isSaneRequestId, surveyNames } from '../../shared/proxy/headers.ts'
import type { Result } from '../../shared/result.ts'
import { mayBeOwnPage } from '../../shared/routing/own-pages.ts'
import { canonicalizePath, type Target } from '../../shared/routing/path.ts'
import { toProblemResponse } from '../problem-response.ts'
import { readSettings } from '../settings.ts'
import { CLIENT_CLOSED_REQUEST, logRequest } from './access-log.ts'
import { type Exchange, type Router, startTrail } from './exchange.ts'
import { handle } from './handle.ts'
import { answerOwnPath, isAdminHost, type OwnPages } from './own-pages.ts'
import { must, Refusal } from './refusal.ts'
import { refuseUnclearForm } from './request-form.ts'

/**
 * The Hono shell of the data plane: request id, canonical path, own pages, refusals, access log.
 * It matches nothing itself: the canonical path is made before any matcher sees the request.
 */
export function createRouterApp(router: Router, own: OwnPages) {
  const app = new Hono<{ Bindings: Env }>({ getPath: () => '/' })
  app.all('/', async (c) => {
    const parsed = canonicalizePath(c.req.raw.url)
    const exchange = startExchange(c.req.raw, c.env, c.executionCtx, parsed)
    if (exchange.body !== null) watchClient(exchange)
    const response = await answer(exchange, parsed, router, own)
    logRequest(exchange, response.status)
    return response
  })
  return app
}

/**
 * A client that resets its connection ends the whole request before its line is logged. Only
 * uploads pay for the listener: they are the ones that are cut.
 */
function watchClient(exchange: Exchange): void {
  exchange.request.signal.addEventListener('abort', () => {
    exchange.trail.clientLeft = true
    logRequest(exchange, CLIENT_CLOSED_REQUEST)
  })
}

const makeRequestId = (): string => crypto.randomUUID().replaceAll('-', '')

function keepSaneId(headers: Headers): string | false {
  const given = headers.get('x-request-id')
  return given !== null && isSaneRequestId(given) && given
}

const NO_TARGET: Target = { scheme: '', authority: '', host: '', path: '', query: '' }

function startExchange(
  request: Request,
  env: Env,
  ctx: Exchange['ctx'],
  parsed: Result<Target, Problem>,
): Exchange {
  const { headers, method, body } = request
  const settings = readSettings(env)
  const survey = surveyNames(headers.keys(), settings.platform === 'cloudflare')
  return {
    request,
    method,
    headers,
    body,
    survey,
    env,
    ctx,
    settings,
    requestId: (survey.has('x-request-id') && keepSaneId(headers)) || makeRequestId(),
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
    refuseMethod(exchange.method)
    must(parsed)
    must(refuseUnclearForm(exchange))
    if (isAdminHost(exchange)) return await own.serve(exchange)
    if (mayBeOwnPage(exchange.target.path)) return await answerOwnPath(exchange, router, own)
    const snapshot = router.currentSnapshot(exchange)
    return await handle(exchange, snapshot instanceof Promise ? await snapshot : snapshot, router)
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

function refuse(exchange: Exchange, error: unknown): Response {
  const { requestId, trail } = exchange
  if (error instanceof Refusal) return toProblemResponse(error.problem, requestId, trail.revision)
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  // biome-ignore lint/suspicious/noConsole: a bug of ours, told to the operator and to nobody else.
  console.error(JSON.stringify({ event: 'internal_error', request_id: requestId, stack }))
  return toProblemResponse({ code: 'internal_error' }, requestId, trail.revision)
}
