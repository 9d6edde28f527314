import type { Placement } from '../../shared/config/snapshot.ts'
import type { Exchange } from './exchange.ts'
import { BROKEN_OFF } from './forward.ts'
import { Refusal } from './refusal.ts'

/** Whether a request may be sent a second time, and what of it had to be kept for that. */
export interface Repeat {
  readonly isAllowed: boolean
  readonly buffered: ArrayBuffer | undefined
}

/** RFC 9110 section 9.2.2; any other method needs a word from the client that it may be repeated. */
const IDEMPOTENT = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']

const ALLOWED: Repeat = { isAllowed: true, buffered: undefined }
const FORBIDDEN: Repeat = { isAllowed: false, buffered: undefined }

/**
 * A promise only where a body is read beforehand: one of a declared length under the placement's
 * cap, of a method that is configured for it.
 */
export function prepareRepeat(
  exchange: Exchange,
  { retry }: Placement,
  hasAlternatives: boolean,
): Repeat | Promise<Repeat> {
  const { method, headers, request } = exchange
  if (retry.attempts === 0 || !retry.methods.includes(method)) return FORBIDDEN
  if (!IDEMPOTENT.includes(method) && !headers.has('idempotency-key')) return FORBIDDEN
  if (exchange.body === null) return ALLOWED
  const declared = headers.get('content-length')
  const isSmall = declared !== null && Number(declared) <= retry.maxBufferedBodyBytes
  // The platform takes a body of GET or HEAD only with the request that it came with.
  if (!isSmall || !hasAlternatives || method === 'GET' || method === 'HEAD') return FORBIDDEN
  return buffer(request)
}

async function buffer(request: Request): Promise<Repeat> {
  try {
    return { isAllowed: true, buffered: await request.arrayBuffer() }
  } catch {
    throw new Refusal(BROKEN_OFF)
  }
}
