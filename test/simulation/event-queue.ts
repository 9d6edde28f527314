/** What is to happen in virtual time, to the millisecond; equal times in the order in which they came. */
export interface EventQueue {
  /** At most HORIZON_MS ahead. */
  schedule(at: number, act: (now: number) => void): void
  /** Runs everything up to and including `end`. */
  runUntil(end: number): void
}

const HORIZON_MS = 131_072

/** A calendar that is used again and again: one list per millisecond. */
export function createEventQueue(): EventQueue {
  const calendar: ((now: number) => void)[][] = Array.from({ length: HORIZON_MS }, () => [])
  let next = 0
  return {
    schedule(at, act) {
      const time = Math.max(next, Math.ceil(at))
      if (time >= next + HORIZON_MS) throw new Error(`${time} is too far ahead of ${next}`)
      calendar[time % HORIZON_MS]!.push(act)
    },
    runUntil(end) {
      for (; next <= end; next++) {
        const events = calendar[next % HORIZON_MS]!
        // An event may schedule another one for this millisecond: the list grows while it is run.
        for (const act of events) act(next)
        events.length = 0
      }
    },
  }
}
