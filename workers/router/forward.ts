import type { Placement, Snapshot } from '../../shared/config/snapshot.ts'
import type { Problem } from '../../shared/problem/problem.ts'
import { type Admission, SLOT_BACKSTOP_MS } from './admission.ts'
import { passAnswer } from './answer.ts'
import { type Attempt, endTotal, giveUp, startAttempt } from './attempt.ts'
import { openEndpoint, type Upstream } from './endpoints.ts'
import type { Exchange } from './exchange.ts'
import { FailedAttempt, Refusal } from './refusal.ts'
import type { Slot } from './slots.ts'
import { openUpload } from './upload.ts'
import { writeUpstreamHeaders } from './upstream-request.ts'

/** One request to one endpoint of an admitted placement. */
export interface Target {
  readonly admission: Admission
  readonly endpointIndex: number
  /** The request body, when it was read beforehand so that it can be sent again. */
  readonly buffered: ArrayBuffer | undefined
}

/**
 * Streams the request to the endpoint and its answer back. By default its only timer covers the
 * time from the end of the request to the response headers, and ends with them.
 *
 * @throws FailedAttempt when no answer came; the slot is the caller's until there is one
 */
export async function forward(
  exchange: Exchange,
  snapshot: Snapshot,
  target: Target,
): Promise<Response> {
  const { admission } = target
  const attempt = startAttempt(admission.placement)
  try {
    const answer = await send(exchange, snapshot, target, attempt)
    endWait(exchange, attempt)
    return passAnswer(exchange, target, attempt, answer)
  } catch (error) {
    const isUpstreams = attempt.phase === 'waiting' && !isOwnBug(error, target)
    endWait(exchange, attempt)
    endTotal(attempt)
    attempt.controller.abort() // Also when its answer was refused: nobody will read on.
    throw isUpstreams ? await describeFailure(exchange, attempt) : error
  }
}

/** What another Worker threw says nothing; of fetch itself a TypeError says that it was misused. */
const isOwnBug = (error: unknown, { admission, endpointIndex }: Target): boolean =>
  error instanceof TypeError && admission.placement.endpoints[endpointIndex]?.kind === 'url'

function findUpstream(exchange: Exchange, { admission, endpointIndex }: Target): Upstream {
  const endpoint = admission.placement.endpoints[endpointIndex]
  const upstream = endpoint && openEndpoint(endpoint, exchange.target, exchange.env)
  if (upstream === undefined) throw new Refusal({ code: 'no_endpoint' })
  return upstream
}

function send(
  exchange: Exchange,
  snapshot: Snapshot,
  target: Target,
  attempt: Attempt,
): Promise<Response> {
  const { admission, endpointIndex, buffered } = target
  const { placement, slot } = admission
  const upstream = findUpstream(exchange, target)
  exchange.trail.endpoint = endpointIndex
  exchange.trail.attempts += 1
  attempt.sentAt = Date.now()
  const headers = writeUpstreamHeaders(exchange, snapshot)
  const body = buffered ?? openUpload(exchange, placement.maxRequestBodyBytes, attempt)
  const sent = fetchUpstream(upstream, exchange, headers, body, attempt)
  attempt.phase = 'waiting'
  limitWait(placement, slot, attempt)
  return sent
}

/** The headers have come, or there will be none. */
function endWait({ trail }: Exchange, attempt: Attempt): void {
  if (attempt.phase === 'waiting') trail.upstreamMs = Date.now() - attempt.sentAt
  attempt.phase = 'ended'
  clearTimeout(attempt.headersTimer)
}

/**
 * Starts the deadlines of a request that is on its way. The one for the response headers begins
 * when the cell has the whole request, however long the client takes to send it; the total one
 * goes on until the answer's body has ended.
 */
function limitWait(
  { timeouts: { headersMs, totalMs } }: Placement,
  slot: Slot | undefined,
  attempt: Attempt,
): void {
  const expire = () => giveUp(attempt, { code: 'upstream_timeout' })
  if (totalMs !== null) attempt.totalTimer = setTimeout(expire, totalMs)
  if (attempt.upload === undefined) {
    attempt.headersTimer = setTimeout(expire, headersMs)
    return
  }
  slot?.holdUntil(Number.POSITIVE_INFINITY)
  void attempt.upload.then(() => {
    if (attempt.phase === 'ended') return
    attempt.headersTimer = setTimeout(expire, headersMs)
    slot?.holdUntil(Date.now() + headersMs + SLOT_BACKSTOP_MS)
  })
}

function fetchUpstream(
  upstream: Upstream,
  { request, method, body: own, settings }: Exchange,
  headers: Headers,
  body: ReadableStream | ArrayBuffer | null,
  { controller, mustSeeEnd }: Attempt,
): Promise<Response> {
  const init: RequestInit = { headers, redirect: 'manual', signal: controller.signal }
  if (mustSeeEnd) init.encodeResponseBody = 'manual'
  // On Cloudflare a subrequest reads through the zone's cache, which knows no tenants.
  if (!upstream.isOverNetwork) init.cf = request.cf ?? {}
  else if (settings.platform === 'cloudflare') init.cache = 'no-store'
  // fetch refuses a body beside the methods GET and HEAD, but not one that a Request came with.
  if (body !== null && body === own) return upstream.fetch(new Request(upstream.url, request), init)
  init.method = method
  init.body = body
  return upstream.fetch(upstream.url, init)
}

/** An upload's own ending may be known only after the request that it fed has failed. */
const VERDICT_WAIT_MS = 20

/**
 * The platform tells refused, reset and garbage apart in no reliable way, and neither its texts nor
 * the classes of what a cell threw mean anything here. Only our own giving up has a reason.
 */
async function describeFailure(
  { request, trail }: Exchange,
  attempt: Attempt,
): Promise<FailedAttempt> {
  if (attempt.upload !== undefined)
    await Promise.race([attempt.upload, scheduler.wait(VERDICT_WAIT_MS)])
  const { givenUp } = attempt
  trail.clientLeft ||= givenUp === 'client_left' || request.signal.aborted
  if (givenUp === 'client_left') return new FailedAttempt(BROKEN_OFF, 'client_left')
  if (givenUp?.code === 'body_too_large') return new FailedAttempt(givenUp, 'body_too_large')
  const failure = givenUp === undefined ? 'unreachable' : 'headers_timeout'
  const problem = givenUp ?? ({ code: 'upstream_unreachable' } as const)
  return new FailedAttempt(problem, trail.clientLeft ? 'client_left' : failure)
}

export const BROKEN_OFF: Problem = {
  code: 'invalid_request',
  detail: 'The request body broke off',
}
