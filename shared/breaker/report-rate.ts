/**
 * How many reports a breaker object gets, and how much it asks isolates to thin them out. An
 * object's soft limit is about 1,000 calls a second; this keeps one at a fifth of it.
 */
export interface ReportRate {
  /** Reports a second, as an exponentially weighted mean. */
  readonly perSecond: number
  readonly at: number
}

/** Reports a second. */
const TARGET_RATE = 200
/** The mean forgets with this time constant, in ms. */
const TIME_CONSTANT_MS = 2_000

export const startRate: ReportRate = { perSecond: 0, at: 0 }

/** `now`: ms since the epoch. */
export function noteArrival({ perSecond, at }: ReportRate, now: number): ReportRate {
  const decay = Math.exp(-Math.max(0, now - at) / TIME_CONSTANT_MS)
  return { perSecond: perSecond * decay + 1_000 / TIME_CONSTANT_MS, at: now }
}

/** The share of its reports that an isolate shall send, above 0 up to 1. */
export function readShare({ perSecond }: ReportRate): number {
  return Math.min(1, TARGET_RATE / Math.max(1, perSecond))
}
