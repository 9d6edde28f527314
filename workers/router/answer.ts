import type { Decision } from '../../shared/routing/decide.ts'
import type { Admission } from './admission.ts'
import type { Attempt } from './attempt.ts'
import type { Exchange } from './exchange.ts'
import type { Slot } from './slots.ts'
import { buildClientResponse } from './upstream-response.ts'

/**
 * Passes an upstream's answer on. Its body touches no JavaScript, and is not even piped, unless its
 * end must be seen: for the slot that it holds, or for an idle deadline.
 */
export function passAnswer(
  exchange: Exchange,
  decision: Decision,
  { placement, slot }: Admission,
  attempt: Attempt,
  answer: Response,
): Response {
  const { idleMs, totalMs } = placement.timeouts
  const body = answer.status === 101 ? null : answer.body
  const encoding = attempt.mustSeeEnd ? 'manual' : 'automatic'
  if (body === null) {
    slot?.release()
    return buildClientResponse(exchange, decision, answer, null, encoding)
  }
  if (totalMs !== null) startTotalDeadline(exchange, totalMs, attempt)
  if (!attempt.mustSeeEnd) return buildClientResponse(exchange, decision, answer, body, encoding)
  slot?.keepUntilEnd()
  const passed = passToEnd(answer, body, idleMs, attempt, slot)
  exchange.ctx.waitUntil(passed.done)
  return buildClientResponse(exchange, decision, answer, passed.readable, encoding)
}

/** Never cleared: the timer ends with the request's context, and aborting what has ended does nothing. */
function startTotalDeadline(exchange: Exchange, totalMs: number, attempt: Attempt): void {
  const leftMs = totalMs - (Date.now() - exchange.startedAt)
  setTimeout(() => attempt.controller.abort(), Math.max(leftMs, 0))
}

interface PassedBody {
  readonly readable: ReadableStream<Uint8Array>
  /** Settles with the body, whichever way it ends; never rejects. */
  readonly done: Promise<void>
}

const EVENT_STREAM = /^text\/event-stream\b/i

function passToEnd(
  answer: Response,
  body: ReadableStream<Uint8Array>,
  idleMs: number | null,
  attempt: Attempt,
  slot: Slot | undefined,
): PassedBody {
  const declared = answer.headers.get('content-length')
  // With a known length the client can tell a truncated body from a complete one.
  const { readable, writable } =
    declared === null ? new IdentityTransformStream() : new FixedLengthStream(Number(declared))
  const isQuietByNature = EVENT_STREAM.test(answer.headers.get('content-type') ?? '')
  const passed =
    idleMs === null || isQuietByNature
      ? body.pipeTo(writable)
      : passWithIdleDeadline(body, writable, idleMs, attempt)
  const release = () => slot?.release()
  return { readable, done: passed.then(release, release) }
}

async function passWithIdleDeadline(
  body: ReadableStream<Uint8Array>,
  writable: WritableStream<Uint8Array>,
  idleMs: number,
  attempt: Attempt,
): Promise<void> {
  const reader = body.getReader()
  const writer = writable.getWriter()
  try {
    for (;;) {
      const timer = setTimeout(() => attempt.controller.abort(), idleMs)
      const next = await reader.read().finally(() => clearTimeout(timer))
      if (next.done) return await writer.close()
      await writer.write(next.value)
    }
  } catch (error) {
    await Promise.allSettled([writer.abort(error), reader.cancel(error)])
  }
}
