/** One thing that happened: `t` in virtual ms, `e` what, the rest as it comes. */
export type TraceEvent = Readonly<Record<string, string | number | boolean | null | undefined>>

export interface Trace {
  note(now: number, event: TraceEvent): void
  /** The last events, oldest first, one JSON line each. */
  print(): string
  /** Of all events so far: the same seed gives the same hash. */
  hash(): string
  count(): number
}

const KEPT = 60

export function createTrace(isKept: boolean): Trace {
  const last: { readonly now: number; readonly event: TraceEvent }[] = []
  let count = 0
  let low = 0x811c9dc5
  let high = 0x01000193
  const mix = (value: number): void => {
    low = Math.imul(low ^ value, 0x01000193)
    high = Math.imul(high + low, 0x85ebca6b) ^ (high >>> 15)
  }
  const print = ({ now, event }: (typeof last)[number]): string =>
    JSON.stringify({ t: Math.round(now), ...event })
  return {
    note(now, event) {
      if (!isKept) return
      mix(now * 1_000)
      for (const name in event) {
        const value = event[name]
        if (typeof value !== 'string') mix(Number(value))
        else for (let i = 0; i < value.length; i++) mix(value.charCodeAt(i))
      }
      last[count++ % KEPT] = { now, event }
    },
    print: () =>
      [...last.slice(count % KEPT), ...last.slice(0, count % KEPT)].map(print).join('\n'),
    hash: () => [low, high].map((part) => (part >>> 0).toString(16).padStart(8, '0')).join(''),
    count: () => count,
  }
}

/** An invariant does not hold. */
export class Violation extends Error {
  readonly invariant: string

  constructor(invariant: string, detail: string) {
    super(`${invariant}: ${detail}`)
    this.name = 'Violation'
    this.invariant = invariant
  }
}

export function demand(isTrue: boolean, invariant: string, describe: () => string): void {
  if (!isTrue) throw new Violation(invariant, describe())
}
