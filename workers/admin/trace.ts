import type { Endpoint, KeySource, Placement, Snapshot } from '../../shared/config/snapshot.ts'
import { PROBLEMS, type Problem } from '../../shared/problem/problem.ts'
import { isLooping } from '../../shared/proxy/headers.ts'
import { fail, type Result, succeed } from '../../shared/result.ts'
import { pickEndpoint } from '../../shared/routing/balance.ts'
import { type Decision, decide } from '../../shared/routing/decide.ts'
import { refuseEscapedSlash } from '../../shared/routing/escaped-slashes.ts'
import type { Target } from '../../shared/routing/path.ts'
import {
  describeMissingKey,
  describeSource,
  findRoutingKey,
} from '../../shared/routing/routing-key.ts'

/** The question: a request that is not made. */
export interface Question {
  /** Absent: only a key is asked about. */
  readonly method?: string
  readonly headers: Headers
  readonly target: Target | Result<Target, Problem>
  /** Instead of the snapshot's own. */
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
  readonly refusal?: { readonly status: number; readonly code: string; readonly detail: string }
  readonly steps: readonly Step[]
}

/** Goes through the stages of a request in their order, with the functions that route. */
export function trace(snapshot: Snapshot, origin: string, question: Question): Explanation {
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
    steps,
  }
  const outcome = `revision ${revision}`
  steps.push({ step: 'configuration', outcome, detail: `"${label}", from ${origin}` })

  const target = readTarget(snapshot, question)
  if (!target.ok) return refuse(unknown, steps, 'request', target.error)
  if (question.method !== undefined) {
    const detail = `${question.method} ${target.value.path}`
    steps.push({ step: 'request', outcome: 'accepted', detail })
  }

  const sources = question.sources ?? snapshot.routingKey
  const { headers } = question
  const found = findRoutingKey(sources, { headers, target: target.value })
  if (!found.ok) return refuse(unknown, steps, 'routing_key', found.error)
  if (found.value === null)
    return refuse(unknown, steps, 'routing_key', describeMissingKey(sources))
  const source = describeSource(found.value.source)
  const routingKey = found.value.key
  steps.push({ step: 'routing_key', outcome: routingKey, detail: `from the ${source}` })

  const { placement, reason } = decide(snapshot, routingKey)
  steps.push({ step: 'decision', outcome: placement.name, detail: REASONS[reason] })
  const fallbacks = placement.fallback.map((index) => snapshot.placements[index]?.name ?? '')
  const decided = { ...unknown, routingKey, source, placement: placement.name, reason, fallbacks }

  const endpoint = chooseEndpoint(placement)
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

function readTarget(snapshot: Snapshot, question: Question): Result<Target, Problem> {
  const { method, headers, target } = question
  if (method === 'TRACE' || method === 'CONNECT') return fail({ code: 'method_not_allowed' })
  if (!('ok' in target)) return succeed(target)
  if (!target.ok) return target
  if (isLooping(headers.get('via'))) return fail({ code: 'loop_detected' })
  const refused = refuseEscapedSlash(snapshot, target.value)
  return refused.ok ? target : refused
}

function chooseEndpoint(placement: Placement): ChosenEndpoint | null {
  const index = pickEndpoint(placement, 0)
  const endpoint = placement.endpoints[index]
  return endpoint === undefined ? null : { index, ...endpoint }
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
