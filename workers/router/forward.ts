import type { Placement, Snapshot } from '../../shared/config/snapshot.ts'
import type { Decision } from '../../shared/routing/decide.ts'
import { type Admission, SLOT_BACKSTOP_MS } from './admission.ts'
import { passAnswer } from './answer.ts'
import { type Attempt, giveUp, startAttempt } from './attempt.ts'
import { openEndpoint, type Upstream } from './endpoints.ts'
import type { Exchange } from './exchange.ts'
import { Refusal } from './refusal.ts'
import type { Slot } from './slots.ts'
import { openUpload } from './upload.ts'
import { writeUpstreamHeaders } from './upstream-request.ts'

/**
 * Streams the request to the admitted endpoint and its answer back. By default its only timer
 * covers the time from the end of the request to the response headers, and ends with them.
 */
export async function forward(
  exchange: Exchange,
  snapshot: Snapshot,
  decision: Decision,
  admission: Admission,
): Promise<Response> {
  const { slot } = admission
  if (slot !== undefined) exchange.request.signal.addEventListener('abort', () => slot.release())
  const attempt = startAttempt(admission.placement)
  try {
    const answer = await send(exchange, snapshot, admission, attempt)
    endWait(exchange, attempt)
    return passAnswer(exchange, decision, admission, attempt, answer)
  } catch (error) {
    const isUpstreams = attempt.phase === 'waiting' && !isOwnBug(error, admission)
    endWait(exchange, attempt)
    slot?.release()
    clearTimeout(attempt.totalTimer)
    attempt.controller.abort() // Also when its answer was refused: nobody will read on.
    throw isUpstreams ? await classifyFailure(exchange, attempt) : error
  }
}

/** What another Worker threw says nothing; of fetch itself a TypeError says that it was misused. */
const isOwnBug = (error: unknown, { placement, endpointIndex }: Admission): boolean =>
  error instanceof TypeError && placement.endpoints[endpointIndex]?.kind === 'url'

function findUpstream(exchange: Exchange, { placement, endpointIndex }: Admission): Upstream {
  const endpoint = placement.endpoints[endpointIndex]
  const upstream = endpoint && openEndpoint(endpoint, exchange.target, exchange.env)
  if (upstream === undefined) throw new Refusal({ code: 'no_endpoint' })
  return upstream
}

function send(
  exchange: Exchange,
  snapshot: Snapshot,
  admission: Admission,
  attempt: Attempt,
): Promise<Response> {
  const { placement, endpointIndex, slot } = admission
  const upstream = findUpstream(exchange, admission)
  exchange.trail.endpoint = endpointIndex
  exchange.trail.attempts += 1
  attempt.sentAt = Date.now()
  const headers = writeUpstreamHeaders(exchange, snapshot)
  const body = openUpload(exchange, placement.maxRequestBodyBytes, attempt)
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
  { request, method, settings }: Exchange,
  headers: Headers,
  body: ReadableStream | null,
  { controller, mustSeeEnd }: Attempt,
): Promise<Response> {
  const init: RequestInit = { headers, redirect: 'manual', signal: controller.signal }
  if (mustSeeEnd) init.encodeResponseBody = 'manual'
  // On Cloudflare a subrequest reads through the zone's cache, which knows no tenants.
  if (!upstream.isOverNetwork) init.cf = request.cf ?? {}
  else if (settings.platform === 'cloudflare') init.cache = 'no-store'
  // fetch refuses a body beside the methods GET and HEAD, but not one that a Request came with.
  if (body === request.body && body !== null)
    return upstream.fetch(new Request(upstream.url, request), init)
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
async function classifyFailure({ request, trail }: Exchange, attempt: Attempt): Promise<Refusal> {
  if (attempt.upload !== undefined)
    await Promise.race([attempt.upload, scheduler.wait(VERDICT_WAIT_MS)])
  const { givenUp } = attempt
  trail.clientLeft ||= givenUp === 'client_left' || request.signal.aborted
  if (givenUp === 'client_left')
    return new Refusal({ code: 'invalid_request', detail: 'The request body broke off' })
  return new Refusal(givenUp ?? { code: 'upstream_unreachable' })
}
