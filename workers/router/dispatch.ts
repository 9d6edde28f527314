import { classifyFailure, classifyStatus, type Outcome } from '../../shared/breaker/classify.ts'
import { mayRetry, RETRIES, takeToken } from '../../shared/breaker/retry-budget.ts'
import type { Placement, Snapshot } from '../../shared/config/snapshot.ts'
import type { Problem } from '../../shared/problem/problem.ts'
import { noteEnded, noteSent } from '../../shared/routing/balance.ts'
import type { Decision } from '../../shared/routing/decide.ts'
import { type FailoverReason, listCandidates } from '../../shared/routing/failover.ts'
import type { Outcome as Sample } from '../../shared/routing/least-requests.ts'
import {
  type Absence,
  type Admission,
  admit,
  admitThough,
  giveBackOnLeaving,
  orderFor,
  readStanding,
} from './admission.ts'
import { prepareProbe } from './background-probe.ts'
import { readDeniedMs } from './breakers.ts'
import type { Exchange, Router } from './exchange.ts'
import { forward } from './forward.ts'
import { noteSeen, startReporting, wantsPermit } from './outcomes.ts'
import { FailedAttempt, Refusal } from './refusal.ts'
import { prepareRepeat, type Repeat } from './repeat.ts'

/**
 * Failover: the endpoints of the decided placement, then its fallbacks, each charged with what it
 * answered itself. Bounded by the number of endpoints, `retry.attempts` and the retry budget; a
 * placement whose breaker is open costs neither.
 */
export async function dispatch(
  exchange: Exchange,
  snapshot: Snapshot,
  decision: Decision,
  router: Router,
): Promise<Response> {
  const isDown = readStanding(router, decision.placement, exchange.startedAt) !== 'available'
  const candidates = listCandidates(snapshot, decision.placement, isDown)
  const hasAlternatives = candidates.length > 1 || decision.placement.endpoints.length > 1
  const prepared = prepareRepeat(exchange, decision.placement, hasAlternatives)
  const repeat = prepared instanceof Promise ? await prepared : prepared
  const tour: Tour = {
    exchange,
    snapshot,
    decision,
    router,
    repeat,
    failed: undefined,
    full: undefined,
    deniedMs: null,
    lastResort: undefined,
  }
  for (const placement of candidates) {
    const admission = admitNext(tour, placement, candidates.length > 1)
    const response = admission && (await tryEndpoints(tour, admission))
    if (response !== undefined) return response
    if (admission !== undefined) exchange.trail.failoverReason ??= 'upstream_error'
  }
  const response = await tryLastResort(tour)
  if (response !== undefined) return response
  throw new Refusal(describeEnd(tour))
}

/** One request on its way from candidate to candidate. */
interface Tour {
  readonly exchange: Exchange
  readonly snapshot: Snapshot
  readonly decision: Decision
  readonly router: Router
  readonly repeat: Repeat
  /** Why the last attempt failed. */
  failed: FailedAttempt | undefined
  /** Why a fallback could not take the request. */
  full: Problem | undefined
  /** The shortest time for which a breaker lets nothing through; null: none was asked in vain. */
  deniedMs: number | null
  /** The default placement, when it is unhealthy: better than nobody. */
  lastResort: Placement | undefined
}

const FAILOVER_REASONS: Readonly<Record<Absence, FailoverReason>> = {
  denied: 'circuit_open',
  unhealthy: 'upstream_unhealthy',
  draining: 'draining',
}

function admitNext(tour: Tour, placement: Placement, hasFallback: boolean): Admission | undefined {
  const { exchange, decision, router } = tour
  const isDecided = placement === decision.placement
  // Without a fallback it would be refused anyway: as a probe it has at least a chance.
  const isSafe = tour.repeat.isAllowed || !(isDecided && hasFallback)
  const isLast = isDecided && !hasFallback
  const admission = admit(router, exchange, placement, { isSafe, isLast })
  if (typeof admission === 'string') {
    if (isDecided) exchange.trail.failoverReason = FAILOVER_REASONS[admission]
    if (admission === 'denied') {
      noteDenied(tour, placement)
      ask(tour, placement)
    }
    if (admission === 'unhealthy' && isDefault(tour.snapshot, placement))
      tour.lastResort = placement
    return undefined
  }
  if ('code' in admission) {
    if (isDecided) throw new Refusal(admission)
    tour.full = admission
    return undefined
  }
  return admission
}

const isDefault = ({ placements, defaultPlacement }: Snapshot, placement: Placement): boolean =>
  placements[defaultPlacement] === placement

const LAST = { isSafe: true, isLast: true }

/** Checks may be wrong, and nobody else is left. */
async function tryLastResort(tour: Tour): Promise<Response | undefined> {
  const { lastResort, exchange, router, failed } = tour
  if (lastResort === undefined || failed !== undefined) return undefined
  const admission = admitThough(router, exchange, lastResort, LAST)
  if (admission === 'denied') noteDenied(tour, lastResort)
  if (typeof admission === 'string' || 'code' in admission) return undefined
  return tryEndpoints(tour, admission)
}

/** In the background: the permit is a later request's, or else this one's once more. */
function ask({ exchange, router, snapshot }: Tour, placement: Placement): void {
  const { reporter } = router
  const breaker = reporter.breakers.find(placement)
  if (!wantsPermit(breaker, exchange.startedAt)) return
  const [endpoint = 0] = orderFor(router, exchange, placement)
  const probe = prepareProbe(exchange, snapshot, placement, endpoint)
  startReporting(reporter, router.openLine(exchange), breaker, exchange.startedAt, probe)
}

/** undefined: none of them answered, and the request may be repeated elsewhere. */
async function tryEndpoints(tour: Tour, admission: Admission): Promise<Response | undefined> {
  const { exchange, snapshot, repeat } = tour
  const { placement, passage, order, slot } = admission
  const { trail } = exchange
  giveBackOnLeaving(exchange, admission)
  // A probe is one request, whatever comes of it.
  const indexes = passage.admittance === 'allow' ? order : order.slice(0, 1)
  for (const endpointIndex of indexes) {
    if (tour.failed !== undefined && !mayTryAgain(tour)) break
    trail.placement = placement
    trail.circuitState = passage.circuitState
    noteSent(tour.router.balances.find(placement), endpointIndex, Date.now())
    try {
      const target = { admission, endpointIndex, buffered: repeat.buffered }
      const response = await forward(exchange, snapshot, target)
      note(tour, admission, endpointIndex, classifyStatus(response.status))
      return response
    } catch (error) {
      note(tour, admission, endpointIndex, readFailure(error))
      if (!(error instanceof FailedAttempt) || !isRepeatable(tour, error)) {
        slot?.release()
        throw error
      }
      tour.failed = error
    }
  }
  slot?.release()
  return undefined
}

/** A refused answer is the cell's failure, anything unforeseen is ours. */
function readFailure(error: unknown): Outcome {
  if (error instanceof FailedAttempt) return classifyFailure(error.failure)
  return error instanceof Refusal && error.problem.code === 'upstream_invalid' ? 'soft' : 'neutral'
}

function isRepeatable({ repeat }: Tour, { failure }: FailedAttempt): boolean {
  return repeat.isAllowed && (failure === 'unreachable' || failure === 'headers_timeout')
}

/** Bounded for the request by the config, and for the placement by its budget. */
function mayTryAgain({ exchange, decision, router }: Tour): boolean {
  const { placement } = decision
  const { retries } = router.reporter.breakers.find(placement)
  if (exchange.trail.attempts > placement.retry.attempts || !mayRetry(retries, RETRIES))
    return false
  takeToken(retries)
  return true
}

function note(tour: Tour, admission: Admission, endpoint: number, outcome: Outcome): void {
  const { exchange, router } = tour
  const { placement, passage } = admission
  const now = Date.now()
  const routingKey = exchange.trail.routingKey ?? ''
  noteEnded(router.balances.find(placement), endpoint, readSample(tour, outcome), now)
  if (noteSeen({ passage, routingKey, outcome }, now))
    startReporting(router.reporter, router.openLine(exchange), passage.breaker, now)
}

/** What it says of the endpoint. How long an upload took is the client's doing. */
function readSample({ exchange, repeat }: Tour, outcome: Outcome): Sample | null {
  const isUpload = exchange.body !== null && repeat.buffered === undefined
  const hasFailed = outcome !== 'succeeded'
  if (outcome === 'neutral' || (isUpload && !hasFailed)) return null
  return { latencyMs: isUpload ? 0 : (exchange.trail.upstreamMs ?? 0), hasFailed }
}

function noteDenied(tour: Tour, placement: Placement): void {
  const { router, exchange } = tour
  const deniedMs = readDeniedMs(router.reporter.breakers.find(placement), exchange.startedAt)
  tour.deniedMs = Math.min(tour.deniedMs ?? Number.POSITIVE_INFINITY, deniedMs)
}

/** Nobody answered. */
function describeEnd({ exchange, failed, full, deniedMs }: Tour): Problem {
  if (failed !== undefined)
    return exchange.trail.attempts > 1 ? { code: 'all_endpoints_failed' } : failed.problem
  if (full !== undefined) return full
  if (deniedMs === null) return UNAVAILABLE
  exchange.trail.circuitState = 'open'
  return {
    code: 'circuit_open',
    retryAfterSeconds: Math.max(1, Math.ceil(deniedMs / 1000)),
    circuitState: 'open',
  }
}

const UNAVAILABLE: Problem = {
  code: 'no_endpoint',
  detail: 'The placement is drained or unhealthy, and no other may take its requests',
  retryAfterSeconds: 5,
}
