import type { BreakerView } from '../../shared/breaker/view.ts'
import type { Placement, Snapshot } from '../../shared/config/snapshot.ts'
import type { Problem } from '../../shared/problem/problem.ts'
import { fail, type Result, succeed } from '../../shared/result.ts'
import type { BreakerApi } from '../../shared/rpc/breaker.ts'
import type { CoordinatorApi } from '../../shared/rpc/coordinator.ts'

/** What this isolate routes by, and where it has it from. */
export interface Held {
  readonly snapshot: Snapshot
  readonly source: 'coordinator' | 'replica' | 'bootstrap'
  /** Epoch ms. */
  readonly loadedAt: number
}

export interface Standing {
  readonly circuitState: string
  readonly availability: string
  readonly isOpenLocally: boolean
}

type Context = Pick<ExecutionContext, 'waitUntil'>

/** What the control plane needs from the rest of the Worker, handed in by the composition root. */
export interface AdminWiring {
  /** A fresh stub per call: a stub that failed once may fail for ever. */
  coordinator(env: Env): CoordinatorApi
  held(): Held | undefined
  /** Loads a snapshot when there is none, and refreshes one that is due; false: none anywhere. */
  ready(env: Env, ctx: Context): Promise<boolean>
  /** A new revision was acknowledged through this isolate. */
  afterPublish(env: Env, ctx: Context): void
  /** The breaker object of a published placement; undefined: this deployment has none. */
  breaker(env: Env, placement: string): BreakerApi | undefined
  /** What this isolate goes by from now on; the others hear of it with their next refresh. */
  afterOverride(placement: string, view: BreakerView): void
  /** How the placement stands in this isolate at this moment. */
  standing(placement: Placement): Standing
  /** Whom to hold responsible for failed logins. */
  clientAddress(request: Request, env: Env): string
}

/** One request to a page of the router's own. */
export interface Call {
  readonly request: Request
  readonly requestId: string
  readonly url: URL
  readonly params: Readonly<Record<string, string>>
  readonly env: Env
  readonly ctx: Context
  readonly wiring: AdminWiring
}

/** An answer before it is put on the wire. A `string` body is sent as it is, as JSON. */
export interface Reply {
  readonly status: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** The revision that the answer is about, when it is not the one that the isolate holds. */
  readonly revision?: number
}

export type Answer = Result<Reply, Problem>

const DEADLINE_MS = 10_000

/**
 * Asks an object, with a deadline. Whatever goes wrong on the way looks the same outside: its
 * reason goes to the log. A write that got no answer may have been applied, and says so.
 */
export async function askObject<T>(
  { requestId }: Call,
  ask: () => Result<T, Problem> | Promise<Result<T, Problem>>,
): Promise<Result<T, Problem>> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${DEADLINE_MS} ms`)), DEADLINE_MS)
  })
  try {
    const answer = await Promise.race([(async () => await ask())(), late])
    if (typeof answer?.ok !== 'boolean') throw new Error('the answer is not one of this object')
    return answer
  } catch (error) {
    const reason = String(error)
    const line = { event: 'coordinator_unavailable', request_id: requestId, reason }
    // biome-ignore lint/suspicious/noConsole: the reason, for the operator only
    console.error(JSON.stringify(line))
    return fail(UNAVAILABLE)
  } finally {
    clearTimeout(timer)
  }
}

export const askCoordinator = <T>(
  call: Call,
  ask: (coordinator: CoordinatorApi) => Result<T, Problem> | Promise<Result<T, Problem>>,
): Promise<Result<T, Problem>> => askObject(call, () => ask(call.wiring.coordinator(call.env)))

const UNAVAILABLE: Problem = {
  code: 'coordinator_unavailable',
  detail:
    'The coordinator did not answer. Traffic is not affected. A write may or may not have been applied: send it again with the same Idempotency-Key',
  retryAfterSeconds: 1,
}

export const refuseRequest = (detail: string): { ok: false; error: Problem } =>
  fail({ code: 'invalid_request', detail })

/** A whole number from 1 up, or undefined: anything else. */
export function readWhole(text: string | null): number | undefined {
  if (text === null || !/^[1-9]\d{0,14}$/.test(text)) return undefined
  return Number(text)
}

/** The token's name, and whom its holder says to act for: a claim, so only text of that kind. */
export function readAuthor(request: Request): string {
  const claimed = request.headers.get('x-author') ?? ''
  const name = claimed.replace(/[^\p{L}\p{N} ._@+-]/gu, '').trim()
  return name === '' ? 'admin' : `admin (${name.slice(0, 100).toWellFormed()})`
}

/** The held snapshot: asked for as tenants' requests do, so that these pages alone keep it fresh. */
export async function readHeld({ wiring, env, ctx }: Call): Promise<Result<Held, Problem>> {
  await wiring.ready(env, ctx)
  const held = wiring.held()
  return held === undefined ? fail({ code: 'no_configuration' }) : succeed(held)
}
