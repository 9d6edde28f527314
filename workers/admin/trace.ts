import type { Endpoint, KeySource, Placement, Snapshot } from '../../shared/config/snapshot.ts'
import { PROBLEMS, type Problem } from '../../shared/problem/problem.ts'
import { isLooping } from '../../shared/proxy/headers.ts'
import { fail, type Result } from '../../shared/result.ts'
import { orderEndpoints, startBalance } from '../../shared/routing/balance.ts'
import { type Decision, decide } from '../../shared/routing/decide.ts'
import { refuseEscapedSlash } from '../../shared/routing/escaped-slashes.ts'
import { listCandidates } from '../../shared/routing/failover.ts'
import { isForRouterItself } from '../../shared/routing/own-pages.ts'
import type { Target } from '../../shared/routing/path.ts'
import {
  describeMissingKey,
  describeSource,
  findRoutingKey,
} from '../../shared/routing/routing-key.ts'
import { readSettings } from '../settings.ts'
import type { Call } from './call.ts'

/** The question: a request that is not made. */
export interface Question {
  /** Absent: only a key is asked about. */
  readonly method?: string
  readonly headers: Headers
  readonly target: Result<Target, Problem>
  /** Instead of the snapshot's own: the key is given. */
  readonly sources?: readonly KeySource[]
}

interface Step {
  readonly step: string
  readonly outcome: string
  readonly detail: string
}

type ChosenEndpoint = Endpoint & { readonly index: number }

/** What the router would do; `refusal` when that is to refuse, and then the rest is not known. */
export interface Explanation {
  readonly revision: number
  readonly routingKey: string | null
  readonly source: string | null
  readonly placement: string | null
  readonly reason: Decision['reason'] | null
  readonly endpoint: ChosenEndpoint | null
  readonly fallbacks: readonly string[]
  /** Of the placement's breaker, as this isolate knows it now, also for an old revision. */
  readonly circuitState: string | null
  readonly refusal?: { readonly status: number; readonly code: string; readonly detail: string }
  readonly steps: readonly Step[]
}

/** Goes through the stages of a request in their order, with the functions that route. */
export function trace(
  snapshot: Snapshot,
  origin: string,
  question: Question,
  call: Asked,
): Explanation {
  const { env } = call
  const { revision, label } = snapshot
  const steps: Step[] = []
  const unknown: Explanation = {
    revision,
    routingKey: null,
    source: null,
    placement: null,
    reason: null,
    endpoint: null,
    fallbacks: [],
    circuitState: null,
    steps,
  }
  const outcome = `revision ${revision}`
  steps.push({ step: 'configuration', outcome, detail: `"${label}", from ${origin}` })

  const { method, headers } = question
  const target = readTarget(question)
  if (!target.ok) return refuse(unknown, steps, 'request', target.error)
  if (method !== undefined) {
    const detail = `${method} ${target.value.path}`
    steps.push({ step: 'request', outcome: 'accepted', detail })
  }

  const sources = question.sources ?? snapshot.routingKey
  const found = findRoutingKey(sources, { headers, target: target.value })
  const { adminHosts } = readSettings(env)
  if (isForRouterItself(adminHosts, target.value, !found.ok || found.value !== null)) {
    steps.push({ step: 'own_page', outcome: 'own_page', detail: 'the router answers itself' })
    return unknown
  }
  if (!found.ok) return refuse(unknown, steps, 'routing_key', found.error)
  if (found.value === null)
    return refuse(unknown, steps, 'routing_key', describeMissingKey(sources))
  const source = question.sources ? 'given' : describeSource(found.value.source)
  const routingKey = found.value.key
  steps.push({ step: 'routing_key', outcome: routingKey, detail: source })
  const keyed = { ...unknown, routingKey, source }

  const slash = refuseEscapedSlash(snapshot, target.value)
  if (!slash.ok) return refuse(keyed, steps, 'request', slash.error)
  if (isLooping(headers.get('via')))
    return refuse(keyed, steps, 'request', { code: 'loop_detected' })

  return traceDecision(snapshot, keyed, steps, headers, call)
}

type Asked = Pick<Call, 'env' | 'wiring'>

function traceDecision(
  snapshot: Snapshot,
  keyed: Explanation & { readonly routingKey: string },
  steps: Step[],
  headers: Headers,
  call: Asked,
): Explanation {
  const { placement, reason } = decide(snapshot, keyed.routingKey)
  steps.push({ step: 'decision', outcome: placement.name, detail: REASONS[reason] })
  const fallbacks = placement.fallback.map((index) => snapshot.placements[index]?.name ?? '')
  const { circuitState } = call.wiring.standing(placement)
  const decided = { ...keyed, placement: placement.name, reason, fallbacks, circuitState }
  steps.push(...listStandings(snapshot, placement, call))

  const limit = placement.maxRequestBodyBytes
  if (limit !== null && Number(headers.get('content-length')) > limit)
    return refuse(decided, steps, 'request', { code: 'body_too_large' })
  const endpoint = chooseEndpoint(placement, keyed.routingKey, call.env)
  if (endpoint === null) return refuse(decided, steps, 'endpoint', { code: 'no_endpoint' })
  const detail = `${placement.balance} over ${placement.endpoints.length}, as the first pick of an isolate`
  steps.push({ step: 'endpoint', outcome: `endpoint ${endpoint.index}`, detail })
  return { ...decided, endpoint }
}

const REASONS: Record<Decision['reason'], string> = {
  dedicated: 'the routing table sends this key to a placement of its own',
  tier: 'the routing table sends this key to a shared tier',
  default: 'the routing table does not have this key, so the default placement takes it',
}

function readTarget({ method, target }: Question): Result<Target, Problem> {
  const isRefused = method === 'TRACE' || method === 'CONNECT'
  return isRefused ? fail({ code: 'method_not_allowed' }) : target
}

/** Who would be asked, in order, and whether they take requests at this moment. */
function listStandings(snapshot: Snapshot, placement: Placement, { wiring }: Asked): Step[] {
  const isDown = wiring.standing(placement).availability !== 'available'
  return listCandidates(snapshot, placement, isDown).map((candidate) => {
    const { circuitState, availability, isOpenLocally } = wiring.standing(candidate)
    const locally = isOpenLocally ? ', and open in this isolate' : ''
    const step = candidate === placement ? 'breaker' : 'fallback'
    const detail = `${availability}, its breaker ${circuitState}${locally}`
    return { step, outcome: candidate === placement ? circuitState : candidate.name, detail }
  })
}

function chooseEndpoint(placement: Placement, routingKey: string, env: Env): ChosenEndpoint | null {
  const random = () => 0
  const request = { routingKey, now: 0, random }
  const [index = -1] = orderEndpoints(placement, startBalance(placement, random), request)
  const endpoint = placement.endpoints[index]
  return endpoint !== undefined && isReachable(endpoint, env) ? { index, ...endpoint } : null
}

/** Of bindings, only service bindings are routed to. */
function isReachable(endpoint: Endpoint, env: Env): boolean {
  if (endpoint.kind === 'url') return true
  const bound: unknown = Reflect.get(env, endpoint.binding)
  return (
    endpoint.kind === 'service' && typeof bound === 'object' && bound !== null && 'fetch' in bound
  )
}

function refuse(
  known: Explanation,
  steps: Step[],
  step: string,
  { code, detail }: Problem,
): Explanation {
  const { status, title } = PROBLEMS[code]
  steps.push({ step, outcome: 'refused', detail: detail ?? title })
  return { ...known, refusal: { status, code, detail: detail ?? title } }
}
