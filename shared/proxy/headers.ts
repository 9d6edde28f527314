/**
 * Header hygiene of a gateway (RFC 9110 section 7.6.1): which fields of a message end at this hop.
 * Names are compared in lower case, as `Headers` gives them.
 */

/** Hop-by-hop fields, `Expect`, and the router's own: never passed on from a client. */
const DROPPED = new Set([
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
  'x-routed-to',
  'x-route-reason',
  'x-failover-reason',
  'x-circuit-state',
  'x-config-revision',
  'x-placement',
  'x-router-version',
])

/** Families of names that are the router's or a proxy's own. */
const DROPPED_FAMILIES = ['proxy-', 'x-placement-', 'x-internal-', 'x-edge-', 'x-router-']

/** What only the platform's edge may assert; elsewhere a client could forge it. */
const FORGEABLE = new Set(['x-real-ip', 'true-client-ip'])

/** End-to-end fields that `Connection: <name>` cannot remove (the class of CVE-2024-45410). */
const NOT_REMOVABLE = new Set([
  'authorization',
  'content-encoding',
  'content-length',
  'content-type',
  'cookie',
  'date',
  'etag',
  'forwarded',
  'host',
  'set-cookie',
  'via',
  'x-request-id',
  'x-routing-key',
])
const NOT_REMOVABLE_FAMILIES = ['x-forwarded-', 'x-tenant', 'x-user', 'x-route', 'cf-']

const FIRST_LETTERS = new Set(
  [...DROPPED, ...DROPPED_FAMILIES, ...FORGEABLE, 'cf-', 'via', 'forwarded'].map((name) =>
    name.charCodeAt(0),
  ),
)

/** A request field that is not forwarded: hop-by-hop, a proxy's, or reserved to the router. */
export const isDroppedFromRequest = (name: string): boolean =>
  DROPPED.has(name) || DROPPED_FAMILIES.some((family) => name.startsWith(family))

/** A client address that the client itself may have written, where no trusted edge sets it. */
export const isForgeableAddress = (name: string): boolean =>
  name.startsWith('cf-') || FORGEABLE.has(name)

/** A trail of earlier hops, replaced instead of extended when it is not trusted. */
export const isForwardedTrail = (name: string): boolean =>
  name.startsWith('x-forwarded-') || name === 'forwarded'

/**
 * What a request brings of the fields that concern this hop. One walk over the names costs less
 * than asking the platform for each field, and most requests bring none of them.
 */
export interface Survey {
  /** Not forwarded. */
  readonly dropped: readonly string[]
  /** Not forwarded either when the trail is not trusted. */
  readonly trails: readonly string[]
  has(name: Surveyed): boolean
}

type Surveyed = 'connection' | 'transfer-encoding' | 'upgrade' | 'via' | 'x-request-id'

/** `isEdge`: a trusted edge writes the client's address. Names in lower case, as `Headers` has them. */
export function surveyNames(names: Iterable<string>, isEdge: boolean): Survey {
  const seen: string[] = []
  const dropped: string[] = []
  const trails: string[] = []
  for (const name of names) {
    if (!FIRST_LETTERS.has(name.charCodeAt(0))) continue
    seen.push(name)
    if (isDroppedFromRequest(name) || (!isEdge && isForgeableAddress(name))) dropped.push(name)
    else if (isForwardedTrail(name)) trails.push(name)
  }
  return { dropped, trails, has: (name) => seen.includes(name) }
}

/** The fields that `Connection` names and that may be removed for it. */
export function listNominated(connection: string | null): string[] {
  if (connection === null || connection === 'close' || connection === 'keep-alive') return []
  return connection
    .split(',')
    .map((token) => token.trim().toLowerCase())
    .filter((name) => isRemovable(name))
}

function isRemovable(name: string): boolean {
  if (!/^[!#$%&'*+\-.^_`|~\w]+$/.test(name)) return false
  return (
    !NOT_REMOVABLE.has(name) && !NOT_REMOVABLE_FAMILIES.some((family) => name.startsWith(family))
  )
}

/** `X-Forwarded-For` with the client appended, unless it is the last element already. */
export function appendForwardedFor(trail: string | null, client: string): string {
  if (trail === null || trail === '') return client
  const last = trail.slice(trail.lastIndexOf(',') + 1).trim()
  return last === client ? trail : `${trail}, ${client}`
}

const PSEUDONYM = 'cellway'
const OWN_VIA = `1.1 ${PSEUDONYM}`
const LAPS_ALLOWED = 3

/** `Via` with this hop appended (RFC 9110 section 7.6.3). */
export const appendVia = (via: string | null): string =>
  via === null || via === '' ? OWN_VIA : `${via}, ${OWN_VIA}`

/** The request has passed here three times already: an endpoint leads back to the router. */
export function isLooping(via: string | null): boolean {
  if (via === null) return false
  const laps = via.split(',').filter((hop) => hop.trim().split(/\s+/)[1] === PSEUDONYM)
  return laps.length >= LAPS_ALLOWED
}

const SANE_REQUEST_ID = /^[\w.\-:+/=@~]{1,128}$/

/** A client's `X-Request-Id` is kept when it cannot harm a log line or a header. */
export const isSaneRequestId = (id: string): boolean => SANE_REQUEST_ID.test(id)
