import { fail, type Result, succeed } from '../result.ts'
import { isPrivateHost } from './address.ts'
import { type Findings, type Path, quote } from './findings.ts'
import { nameType, reportIssues } from './issues.ts'
import { MAX_URL_LENGTH } from './limits.ts'
import { isFields } from './plain.ts'
import { type EndpointDocument, endpointSchema } from './schema.ts'
import type { Endpoint } from './snapshot.ts'
import { suggest } from './suggest.ts'

/** What the place where the router runs offers to, and asks of, a document. */
export interface EndpointContext {
  /** True: endpoints may be on loopback and private networks, and on any port. */
  readonly allowPrivateEndpoints: boolean
  /** Names of the service bindings. */
  readonly services: ReadonlySet<string>
  /** Names of the dispatch namespace bindings. */
  readonly dispatchNamespaces: ReadonlySet<string>
}

/** Protocols that an HTTP request could be smuggled into; from the "bad ports" of the Fetch standard. */
const BLOCKED_PORTS: ReadonlySet<number> = new Set([
  0, 1, 7, 9, 13, 19, 21, 22, 23, 25, 53, 110, 111, 119, 135, 139, 143, 389, 465, 512, 513, 514,
  587, 993, 995,
])

/** "{key}" is replaced by the routing key. */
const SCRIPT = /^(?:[A-Za-z0-9_-]|\{key\}){1,255}$/

interface UrlError {
  readonly code: 'invalid_url' | 'url_user_info' | 'private_address' | 'blocked_port'
  readonly message: string
}

type Report = (code: string, message: string | (() => string), field?: string) => null

/** Reads one element of `endpoints`; null when something about it was reported. */
export function readEndpoint(
  raw: unknown,
  path: Path,
  context: EndpointContext,
  findings: Findings,
): Endpoint | null {
  const report: Report = (code, message, field) => {
    findings.add(field === undefined ? path : [...path, field], code, message)
    return null
  }
  if (typeof raw === 'string') return readUrl({ url: raw }, context, report)
  if (!isFields(raw)) {
    return report('wrong_type', `must be a URL or an object, not ${nameType(raw)}`)
  }
  const read = endpointSchema().safeParse(raw, { reportInput: true })
  if (read.success) return readFields(read.data, context, report)
  reportIssues(findings, path, read.error.issues)
  if (typeof raw['url'] === 'string') readUrl({ url: raw['url'] }, context, report, 'url')
  return null
}

function readFields(
  given: EndpointDocument,
  context: EndpointContext,
  report: Report,
): Endpoint | null {
  const { url, service, dispatch, script, weight = 1 } = given
  if ([url, service, dispatch].filter((kind) => kind !== undefined).length !== 1) {
    return report('invalid_endpoint', 'needs exactly one of "url", "service" and "dispatch"')
  }
  if (dispatch !== undefined) return readDispatch(dispatch, given, context, report)
  if (script !== undefined) {
    return report('invalid_endpoint', '"script" goes with "dispatch" only', 'script')
  }
  if (service === undefined) return readUrl({ url, weight }, context, report, 'url')
  const isBound = checkBinding('service', service, context.services, report)
  return isBound ? { kind: 'service', binding: service, weight } : null
}

function readUrl(
  { url = '', weight = 1 }: EndpointDocument,
  context: EndpointContext,
  report: Report,
  field?: string,
): Endpoint | null {
  const base = readBaseUrl(url, context.allowPrivateEndpoints)
  if (base.ok) return { kind: 'url', base: base.value, weight }
  return report(base.error.code, base.error.message, field)
}

function readDispatch(
  binding: string,
  { script = '', weight = 1 }: EndpointDocument,
  context: EndpointContext,
  report: Report,
): Endpoint | null {
  const isBound = checkBinding('dispatch', binding, context.dispatchNamespaces, report)
  if (SCRIPT.test(script)) return isBound ? { kind: 'dispatch', binding, script, weight } : null
  const message = 'must be the name of a Worker; "{key}" in it stands for the routing key'
  return report('invalid_value', message, 'script')
}

function checkBinding(
  field: string,
  name: string,
  bindings: ReadonlySet<string>,
  report: Report,
): boolean {
  if (bindings.has(name)) return true
  const known = bindings.size === 0 ? ': this router has none' : ''
  report(
    'unknown_binding',
    () => `unknown binding ${quote(name)}${known}${suggest(name, bindings)}`,
    field,
  )
  return false
}

/** Origin and base path, without a slash at the end. */
function readBaseUrl(text: string, allowPrivate: boolean): Result<string, UrlError> {
  const reject = (code: UrlError['code'], why: string) =>
    fail({ code, message: `invalid URL ${quote(text)}: ${why}` })
  if (text.length > MAX_URL_LENGTH) {
    return reject('invalid_url', `it is longer than ${MAX_URL_LENGTH} characters`)
  }
  if (/^[a-z]+:\/\/[^/?#]*@/i.test(text)) {
    return fail({ code: 'url_user_info', message: 'invalid URL: user info is not allowed' })
  }
  // The URL standard repairs white space, backslashes and missing slashes; a document is not repaired.
  const isPlain = /^https?:\/\/[^/?#]/i.test(text) && !/[\s\\\p{Cc}]/u.test(text)
  if (!isPlain || !URL.canParse(text)) {
    return reject('invalid_url', 'it must be an absolute http or https URL')
  }
  if (/[?#]/.test(text)) return reject('invalid_url', 'it must not have a query or a fragment')
  const url = new URL(text)
  if (!allowPrivate && isPrivateHost(url.hostname)) {
    return reject('private_address', 'its address is private, loopback, link-local or reserved')
  }
  if (!allowPrivate && url.port !== '' && BLOCKED_PORTS.has(Number(url.port))) {
    return reject('blocked_port', 'its port belongs to another protocol')
  }
  return succeed(url.origin + url.pathname.replace(/\/+$/, ''))
}
