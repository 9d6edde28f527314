import type { Snapshot } from '../../shared/config/snapshot.ts'
import type { Decision } from '../../shared/routing/decide.ts'
import type { Admission } from './admission.ts'
import { passAnswer } from './answer.ts'
import { type Attempt, giveUp, startAttempt } from './attempt.ts'
import { openEndpoint, type Upstream } from './endpoints.ts'
import type { Exchange } from './exchange.ts'
import { Refusal } from './refusal.ts'
import { openUpload } from './upload.ts'
import { writeUpstreamHeaders } from './upstream-request.ts'

/**
 * Streams the request to the admitted endpoint and its answer back. The only timer of its own
 * covers the time to the response headers and ends with them.
 */
export async function forward(
  exchange: Exchange,
  snapshot: Snapshot,
  decision: Decision,
  admission: Admission,
): Promise<Response> {
  const { placement, slot } = admission
  if (slot !== undefined) exchange.request.signal.addEventListener('abort', () => slot.release())
  try {
    const attempt = startAttempt(placement)
    const answer = await send(exchange, snapshot, admission, attempt)
    return passAnswer(exchange, decision, admission, attempt, answer)
  } catch (error) {
    slot?.release()
    throw error
  }
}

async function send(
  exchange: Exchange,
  snapshot: Snapshot,
  { placement, endpointIndex }: Admission,
  attempt: Attempt,
): Promise<Response> {
  const { trail } = exchange
  const endpoint = placement.endpoints[endpointIndex]
  const upstream = endpoint && openEndpoint(endpoint, exchange.target, exchange.env)
  if (upstream === undefined) throw new Refusal({ code: 'no_endpoint' })
  trail.endpoint = endpointIndex
  trail.attempts += 1
  const sentAt = Date.now()
  const { headersMs } = placement.timeouts
  const timer = setTimeout(() => giveUp(attempt, { code: 'upstream_timeout' }), headersMs)
  try {
    const headers = writeUpstreamHeaders(exchange, snapshot)
    const body = openUpload(exchange, placement.maxRequestBodyBytes, attempt)
    return await fetchUpstream(upstream, exchange.request, headers, body, attempt)
  } catch (error) {
    throw await classifyFailure(error, exchange, attempt)
  } finally {
    clearTimeout(timer)
    trail.upstreamMs = Date.now() - sentAt
  }
}

function fetchUpstream(
  upstream: Upstream,
  request: Request,
  headers: Headers,
  body: ReadableStream | null,
  { controller, mustSeeEnd }: Attempt,
): Promise<Response> {
  const { method } = request
  const init: RequestInit = { headers, redirect: 'manual', signal: controller.signal }
  if (mustSeeEnd) init.encodeResponseBody = 'manual'
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
 * The platform tells refused, reset and garbage apart in no reliable way, and its texts stay
 * inside. A TypeError is none of the network's: it says that this code is wrong.
 */
async function classifyFailure(
  error: unknown,
  { request, trail }: Exchange,
  attempt: Attempt,
): Promise<unknown> {
  if (error instanceof Refusal || error instanceof TypeError) return error
  if (attempt.upload !== undefined)
    await Promise.race([attempt.upload, scheduler.wait(VERDICT_WAIT_MS)])
  const { givenUp } = attempt
  trail.clientLeft = givenUp === 'client_left' || request.signal.aborted
  if (givenUp === 'client_left')
    return new Refusal({ code: 'invalid_request', detail: 'The request body broke off' })
  if (givenUp !== undefined) return new Refusal(givenUp)
  return new Refusal({
    code: error instanceof RangeError ? 'upstream_invalid' : 'upstream_unreachable',
  })
}
