import { describeExcess } from './admission.ts'
import { type Attempt, giveUp } from './attempt.ts'
import type { Exchange } from './exchange.ts'

/**
 * Request bodies on their way to a cell. When a client breaks off, the platform reports the same
 * error as for a cell that does, so the router pipes each upload itself and sees which side it was.
 * Natively: only a chunked body under a limit is counted in JavaScript.
 *
 * A broken or over-long upload is left pending while the upstream request is aborted. Erroring or
 * closing its stream would make the platform send a final chunk, and the cell would take the part
 * that it got for a complete body.
 */
export function openUpload(
  exchange: Exchange,
  limitBytes: number | null,
  attempt: Attempt,
): ReadableStream<Uint8Array> | null {
  const { headers, method, body } = exchange
  // A body of GET or HEAD is rare and passes as it is: the platform takes none but the request's own.
  if (body === null || method === 'GET' || method === 'HEAD') return body
  const declared = headers.get('content-length')
  const { readable, writable } =
    declared === null ? new IdentityTransformStream() : new FixedLengthStream(Number(declared))
  const passed =
    limitBytes === null || declared !== null
      ? pass(body, writable, attempt)
      : count(body, writable, limitBytes, attempt)
  // The upstream hung up: its own error is the one that is told.
  attempt.upload = passed.catch(() => undefined)
  exchange.ctx.waitUntil(attempt.upload)
  return readable
}

async function pass(
  body: ReadableStream<Uint8Array>,
  writable: WritableStream<Uint8Array>,
  attempt: Attempt,
): Promise<void> {
  try {
    await body.pipeTo(writable, { preventAbort: true, preventCancel: true })
  } catch {
    if (await isBroken(body)) giveUp(attempt, 'client_left')
  }
}

/** Whether reading on fails at once; a body that only pauses, or goes on, is whole so far. */
function isBroken(body: ReadableStream<Uint8Array>): Promise<boolean> {
  const read = body.getReader().read()
  const failed = read.then(
    () => false,
    () => true,
  )
  return Promise.race([failed, scheduler.wait(0).then(() => false)])
}

/** Into a buffer of our own: the platform's default reader hands out new ones, 4 KiB at a time. */
const READ_BYTES = 65_536

async function count(
  body: ReadableStream<Uint8Array>,
  writable: WritableStream<Uint8Array>,
  limitBytes: number,
  attempt: Attempt,
): Promise<void> {
  const reader = body.getReader({ mode: 'byob' })
  const writer = writable.getWriter()
  let view = new Uint8Array(READ_BYTES)
  let total = 0
  for (;;) {
    const next = await reader.read(view).catch(() => undefined)
    if (next === undefined) return giveUp(attempt, 'client_left')
    if (next.done) return writer.close()
    total += next.value.byteLength
    if (total > limitBytes) return giveUp(attempt, describeExcess(limitBytes))
    await writer.write(next.value)
    view = new Uint8Array(next.value.buffer)
  }
}
