import type { Problem } from '../../shared/problem/problem.ts'
import { fail, type Result, succeed } from '../../shared/result.ts'
import type { Target } from '../../shared/routing/path.ts'
import type { Exchange } from './exchange.ts'

/** A name or an address with an optional port (RFC 9112 section 3.2): no list, path or user info. */
const HOST =
  /^(?:[\w.-]+|\[[\da-f:.]+\])(?::(?:\d{1,4}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5]))?$/i

/** Looks like an address, so it has to be one: "1.2.3.999" and "[::::]" are no URL's authority. */
const LOOKS_NUMERIC = /^\[|(?:^|\.)\d[^.]*$/
const ACCEPTED = succeed(undefined)
const refuse = (detail: string) => fail({ code: 'invalid_request', detail } as const)

/**
 * Refuses what the platform's parser lets pass although two readers could take it in two ways
 * (RFC 9112 sections 3.2 and 6.1), and the one form of body that the platform would lose.
 */
export function refuseUnclearForm(exchange: Exchange): Result<undefined, Problem> {
  const { headers, method, survey, target } = exchange
  const host = headers.get('host')
  if (host !== target.authority || host !== lastClearHost) {
    if (!namesOneHost(host, target)) return refuse('Host or the request target names no one host')
    if (host === target.authority) lastClearHost = host
  }
  if (!survey.has('transfer-encoding')) return ACCEPTED
  if (headers.get('transfer-encoding')?.toLowerCase() !== 'chunked')
    return refuse('Transfer-Encoding is not chunked alone')
  if (method === 'GET' || method === 'HEAD')
    return refuse(`A body of ${method} needs Content-Length: in chunks it would not reach the cell`)
  return ACCEPTED
}

/** Most requests of an isolate name the host that the one before named. */
let lastClearHost: string | undefined

/** Header and target differ in letter case, a trailing dot, or an asterisk form ("http://a*"). */
function namesOneHost(host: string | null, { authority, host: name }: Target): boolean {
  if (host !== null && !HOST.test(host)) return false
  if (host !== authority && !HOST.test(authority)) return false
  return !LOOKS_NUMERIC.test(name) || URL.canParse(`http://${authority}`)
}
