import type { Placement, Snapshot } from '../../shared/config/snapshot.ts'
import type { Survey } from '../../shared/proxy/headers.ts'
import type { Decision } from '../../shared/routing/decide.ts'
import type { FailoverReason } from '../../shared/routing/failover.ts'
import type { Target } from '../../shared/routing/path.ts'
import type { Settings } from '../settings.ts'
import type { Balances } from './balances.ts'
import type { CircuitState } from './breakers.ts'
import type { Line, Reporter } from './outcomes.ts'
import type { Slots } from './slots.ts'

/** One request on its way through the router, with what is known about it from the first line on. */
export interface Exchange {
  readonly request: Request
  /** Of the request; here because each look at a member of it crosses into the platform. */
  readonly method: string
  readonly headers: Headers
  readonly body: Request['body']
  readonly survey: Survey
  readonly env: Env
  readonly ctx: Pick<ExecutionContext, 'waitUntil' | 'passThroughOnException' | 'props'>
  readonly settings: Settings
  readonly requestId: string
  readonly target: Target
  readonly startedAt: number
  readonly trail: Trail
}

/** What the access log tells: filled in as the stages pass, also when one of them refuses. */
export interface Trail {
  routingKey: string | null
  decision: Decision | null
  /** The placement that answered, or was tried last: it is the one that is charged. */
  placement: Placement | null
  /** Why it is not the one that the decision names. */
  failoverReason: FailoverReason | null
  /** Of its breaker, before this request counts. */
  circuitState: CircuitState | null
  /** The revision that decided; 0 before there is one. */
  revision: number
  /** Index of the endpoint in its placement. */
  endpoint: number | null
  attempts: number
  upstreamMs: number | null
  /** The client went away before there was an answer. */
  clientLeft: boolean
  /** The line is written: there is one per request. */
  isLogged: boolean
}

/** What the stages of the data plane need from the isolate. */
export interface Router {
  readonly slots: Slots
  /** What this isolate knows of breakers, and tells their objects. */
  readonly reporter: Reporter
  /** To the breakers' objects, for the time of this request. */
  openLine(exchange: Exchange): Line
  readonly balances: Balances
  /** What the isolate holds at this moment, from memory only. */
  heldSnapshot(): Snapshot | undefined
  /** The last known good snapshot; a Refusal when there is none anywhere. */
  currentSnapshot(exchange: Exchange): Snapshot | Promise<Snapshot>
}

export const startTrail = (): Trail => ({
  routingKey: null,
  decision: null,
  placement: null,
  failoverReason: null,
  circuitState: null,
  revision: 0,
  endpoint: null,
  attempts: 0,
  upstreamMs: null,
  clientLeft: false,
  isLogged: false,
})

/** The request for the router's own pages: under its canonical URL and its id. */
export function toOwnRequest({ request, target, requestId }: Exchange): Request {
  const url = `${target.scheme}://${target.authority}${target.path}${target.query}`
  const own = new Request(url, request)
  own.headers.set('x-request-id', requestId)
  return own
}
