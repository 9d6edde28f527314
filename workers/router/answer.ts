import { type Attempt, endTotal } from './attempt.ts'
import type { Exchange } from './exchange.ts'
import type { Target } from './forward.ts'
import { buildClientResponse, refuseUnpassable } from './upstream-response.ts'

/**
 * Passes an upstream's answer on. Its body touches no JavaScript, and is not even piped, unless its
 * end must be seen: for the slot that it holds, or for a deadline that it is under.
 */
export function passAnswer(
  exchange: Exchange,
  target: Target,
  attempt: Attempt,
  answer: Response,
): Response {
  const { status } = answer
  refuseUnpassable(exchange, answer, status)
  const { slot } = target.admission
  const body = status === 101 ? null : answer.body
  const encoding = attempt.mustSeeEnd ? 'manual' : 'automatic'
  if (body === null || !attempt.mustSeeEnd) {
    slot?.release()
    endTotal(attempt)
    return buildClientResponse(exchange, { answer, status, body, encoding })
  }
  slot?.holdUntil(Number.POSITIVE_INFINITY)
  const readable = passToEnd(exchange, target, attempt, answer, body)
  return buildClientResponse(exchange, { answer, status, body: readable, encoding })
}

const EVENT_STREAM = /^text\/event-stream\b/i

function passToEnd(
  { ctx }: Exchange,
  { admission: { placement, slot }, endpointIndex }: Target,
  attempt: Attempt,
  answer: Response,
  body: ReadableStream<Uint8Array>,
): ReadableStream<Uint8Array> {
  const { readable, writable } = openPipe(
    answer,
    placement.endpoints[endpointIndex]?.kind === 'url',
  )
  const isEndlessByNature = EVENT_STREAM.test(answer.headers.get('content-type') ?? '')
  if (isEndlessByNature) endTotal(attempt)
  const { idleMs } = placement.timeouts
  const passed =
    idleMs === null || isEndlessByNature
      ? body.pipeTo(writable)
      : passWithIdleDeadline(body, writable, idleMs, attempt)
  const end = () => {
    slot?.release()
    endTotal(attempt)
  }
  ctx.waitUntil(passed.then(end, end))
  return readable
}

/**
 * With a known length the client can tell a truncated body from a complete one. Known is what an
 * HTTP parser vouches for; between Workers nothing holds a cell to the length that it declares.
 */
function openPipe(answer: Response, isOverNetwork: boolean) {
  const declared = isOverNetwork ? answer.headers.get('content-length') : null
  return declared === null ? new IdentityTransformStream() : new FixedLengthStream(Number(declared))
}

const READ_BYTES = 65_536

async function passWithIdleDeadline(
  body: ReadableStream<Uint8Array>,
  writable: WritableStream<Uint8Array>,
  idleMs: number,
  attempt: Attempt,
): Promise<void> {
  const reader = body.getReader({ mode: 'byob' })
  const writer = writable.getWriter()
  let view = new Uint8Array(READ_BYTES)
  try {
    for (;;) {
      const timer = setTimeout(() => attempt.controller.abort(), idleMs)
      const next = await reader.read(view).finally(() => clearTimeout(timer))
      if (next.done) return await writer.close()
      await writer.write(next.value)
      view = new Uint8Array(next.value.buffer)
    }
  } catch (error) {
    await Promise.allSettled([writer.abort(error), reader.cancel(error)])
  }
}
