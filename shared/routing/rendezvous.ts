import type { Endpoint } from '../config/snapshot.ts'
import { hashRoutingKey } from './key-hash.ts'

/**
 * Rendezvous hashing (Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates"),
 * weighted by -weight / ln(u): the same key finds the same endpoint in every isolate, and a change
 * of the list moves no key between endpoints that are in both.
 */
export interface Identities {
  /** By endpoint: 32 bits of what it is, wherever in the list it stands. */
  readonly hashes: readonly number[]
}

export function startIdentities(endpoints: readonly Endpoint[]): Identities {
  const seen = new Map<string, number>()
  const hashes = endpoints.map((endpoint) => {
    const identity = printIdentity(endpoint)
    const earlier = seen.get(identity) ?? 0
    seen.set(identity, earlier + 1)
    // The same endpoint twice is two endpoints.
    return hashRoutingKey(earlier === 0 ? identity : `${identity}\n${earlier}`)
  })
  return { hashes }
}

/** By descending score, which is also the order of failover. */
export function orderByScore(
  { hashes }: Identities,
  endpoints: readonly Endpoint[],
  selectable: readonly number[],
  routingKey: string,
): readonly number[] {
  const keyHash = hashRoutingKey(routingKey)
  const scores = endpoints.map(
    ({ weight }, index) => -weight / Math.log(mixToUnit(keyHash, hashes[index] ?? 0)),
  )
  return selectable.toSorted((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0))
}

function printIdentity(endpoint: Endpoint): string {
  if (endpoint.kind === 'url') return `url\n${endpoint.base}`
  if (endpoint.kind === 'service') return `service\n${endpoint.binding}`
  return `dispatch\n${endpoint.binding}\n${endpoint.script}`
}

/** Above 0 and below 1: both hashes, mixed by lowbias32 (Wellons, "hash prospector"; public domain). */
function mixToUnit(keyHash: number, endpointHash: number): number {
  let hash = keyHash ^ endpointHash
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d)
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b)
  return (((hash ^ (hash >>> 16)) >>> 0) + 0.5) / 2 ** 32
}
