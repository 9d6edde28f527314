/**
 * Concurrency limits of this isolate: how many requests of a placement are in flight.
 *
 * A slot ends once: by the end of the answer, an error, the client's abort, or, as a backstop for
 * a request whose context the platform tore down, when it got no headers by its deadline. The
 * backstop is a deadline that the next request checks, because a timer dies with its context.
 */
export interface Slot {
  /** Moves the backstop, in epoch milliseconds; Infinity while only an end that we see may free it. */
  holdUntil(deadline: number): void
  release(): void
}

export interface Slots {
  /** A slot of the placement, or undefined when all are taken. Times in epoch milliseconds. */
  take(placement: string, limit: number, now: number, headersDeadline: number): Slot | undefined
  count(placement: string): number
}

interface Holder {
  deadline: number
}

export function createSlots(): Slots {
  /** A placement's entry goes with its last holder; expired ones stay until the limit is reached. */
  const inFlight = new Map<string, Set<Holder>>()

  return {
    take(placement, limit, now, headersDeadline) {
      const holders = inFlight.get(placement) ?? new Set<Holder>()
      if (holders.size >= limit) dropExpired(holders, now)
      if (holders.size >= limit) return undefined
      const holder: Holder = { deadline: headersDeadline }
      inFlight.set(placement, holders.add(holder))
      return {
        holdUntil(later) {
          holder.deadline = later
        },
        release() {
          if (holders.delete(holder) && holders.size === 0 && inFlight.get(placement) === holders)
            inFlight.delete(placement)
        },
      }
    },
    count: (placement) => inFlight.get(placement)?.size ?? 0,
  }
}

function dropExpired(holders: Set<Holder>, now: number): void {
  for (const holder of holders) if (holder.deadline <= now) holders.delete(holder)
}
