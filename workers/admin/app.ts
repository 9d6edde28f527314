import type { Context } from 'hono'
import { Hono } from 'hono/tiny'
import type { Problem } from '../../shared/problem/problem.ts'
import { fail, type Result, succeed } from '../../shared/result.ts'
import { toProblemResponse } from '../problem-response.ts'
import { readSettings } from '../settings.ts'
import { authorize } from './auth.ts'
import type { AdminWiring, Answer, Call, Reply } from './call.ts'
import { LoginFailures } from './login-failures.ts'
import { listAllowed, ROUTES, type Route } from './routes.ts'

type AdminContext = Context<{ Bindings: Env }>
type Admin = Hono<{ Bindings: Env }>

/**
 * The control plane over HTTP: every page of the router's own. Who may see a page is asked before
 * anything else is looked at, also where there is no page.
 */
export function createAdminApp(wiring: AdminWiring): Admin {
  const failures = new LoginFailures()
  const admit = (c: AdminContext, access: Route['access']): Promise<Result<unknown, Problem>> =>
    isOpen(c, access)
      ? Promise.resolve(succeed(undefined))
      : authorize(c.req.raw, c.env, access === 'write' ? 'write' : 'read', failures, wiring)

  const serve = async (
    c: AdminContext,
    access: Route['access'],
    answer: (call: Call) => Answer | Promise<Answer>,
  ): Promise<Response> => {
    const call = startCall(c, wiring)
    const admitted = await admit(c, access)
    return respond(call, admitted.ok ? await answer(call) : admitted)
  }

  const app: Admin = new Hono()
  for (const { method, path, access, answer } of ROUTES)
    app.on(method, path, (c) => serve(c, access, answer))
  for (const { path, access } of ROUTES) {
    const allow = listAllowed(path)
    const known = access === 'write' ? 'read' : access
    app.all(path, (c) => serve(c, known, () => fail({ code: 'method_not_allowed', allow })))
  }
  app.notFound((c) => {
    const isAdmin = /^\/admin(\/|$)/.test(c.req.path)
    return serve(c, isAdmin ? 'read' : 'open', () => fail({ code: 'not_found' }))
  })
  app.onError(({ stack }, c) => {
    const call = startCall(c, wiring)
    const line = { event: 'internal_error', request_id: call.requestId, stack }
    // biome-ignore lint/suspicious/noConsole: a bug of ours: its stack is for the operator only
    console.error(JSON.stringify(line))
    return respond(call, fail({ code: 'internal_error' }))
  })
  return app
}

const isOpen = (c: AdminContext, access: Route['access']): boolean =>
  access === 'open' || (access === 'debug' && readSettings(c.env).isLocal)

const startCall = (c: AdminContext, wiring: AdminWiring): Call => ({
  request: c.req.raw,
  // The data plane has put a sane one there.
  requestId: c.req.header('x-request-id') ?? '',
  url: new URL(c.req.url),
  params: c.req.param(),
  env: c.env,
  ctx: c.executionCtx,
  wiring,
})

function respond({ requestId, wiring }: Call, answer: Answer): Response {
  const held = wiring.held()?.snapshot.revision ?? 0
  if (!answer.ok) return toProblemResponse(answer.error, requestId, held)
  const { status, body, headers, revision = held } = answer.value
  return new Response(printBody(body), {
    status,
    headers: {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'x-request-id': requestId,
      'x-config-revision': String(revision),
      'proxy-status': 'cellway',
      ...headers,
    },
  })
}

function printBody(body: Reply['body']): string | null {
  if (body === null || typeof body === 'string') return body
  return JSON.stringify(body)
}
