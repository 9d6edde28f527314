/**
 * A routing key as 32 bits, the same in every isolate: FNV-1a over its code units, then the
 * finaliser of MurmurHash3 (both in the public domain), so that every bit depends on every unit.
 */
export function hashRoutingKey(routingKey: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < routingKey.length; i++)
    hash = Math.imul(hash ^ routingKey.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
