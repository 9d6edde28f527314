/**
 * Which reports were seen: the runtime delivers a call once, but what an isolate sends again after
 * a lost reply arrives twice. For each reporter the highest sequence number and which of the 64 up
 * to it came in (the anti-replay window of RFC 4303 section 3.4.3).
 */
export interface Replays {
  readonly seen: Map<string, { highest: number; mask: bigint }>
}

const WINDOW = 64
const MAX_REPORTERS = 20_000

export const startReplays = (): Replays => ({ seen: new Map() })

/** False: it was seen before, or is too old to tell. */
export function noteSequence({ seen }: Replays, reporter: string, sequence: number): boolean {
  const known = seen.get(reporter)
  if (known === undefined) {
    seen.set(reporter, { highest: sequence, mask: 1n })
    forgetOldest(seen)
    return true
  }
  // Least recently used last in line to be forgotten.
  seen.delete(reporter)
  seen.set(reporter, known)
  const behind = known.highest - sequence
  if (behind < 0) {
    const shift = Math.min(WINDOW, -behind)
    known.mask = BigInt.asUintN(WINDOW, known.mask << BigInt(shift)) | 1n
    known.highest = sequence
    return true
  }
  if (behind >= WINDOW) return false
  const bit = 1n << BigInt(behind)
  if ((known.mask & bit) !== 0n) return false
  known.mask |= bit
  return true
}

function forgetOldest(seen: Replays['seen']): void {
  if (seen.size <= MAX_REPORTERS) return
  for (const oldest of seen.keys()) {
    seen.delete(oldest)
    return
  }
}
