/**
 * What the coordinator advertises: how long an isolate waits before it asks again, so that all of
 * them together stay below 200 questions a second, however many they are.
 *
 * Everybody who asks says how long they waited, so a question stands for waited/60 s of a caller,
 * and the questions of the last minute add up to the number of callers whatever intervals they
 * were given: the estimate does not move when the interval does, so the loop does not swing. The
 * last seconds, extrapolated, count as well: the size of a fleet that is being born, or that comes
 * back after an outage, is seen within a second instead of a minute.
 */

export const MIN_INTERVAL_MS = 5_000
export const MAX_INTERVAL_MS = 60_000

/** Questions a second. The rest up to 200 is room for early refreshes and for chance. */
export const TARGET_RATE = 125

const WINDOW_SECONDS = 60
const RECENT_SECONDS = 10
/** How fast the advice may fall, in ms per ms. At 1 everybody who asks would come back at once. */
const FALL = 0.35

/** The weight of the questions in each of the last 60 seconds, at index `second % 60`. */
export interface RefreshLoad {
  readonly weights: readonly number[]
  /** The newest second that is counted, since the epoch. */
  readonly second: number
  /** Since when questions have come without a long silence, in ms since the epoch. */
  readonly since: number
  /** What was advised last, and when. */
  readonly intervalMs: number
  readonly advisedAt: number
}

export const emptyLoad: RefreshLoad = {
  weights: Array<number>(WINDOW_SECONDS).fill(0),
  second: 0,
  since: 0,
  intervalMs: MIN_INTERVAL_MS,
  advisedAt: 0,
}

/** `waitedMs` as the isolate says; undefined on its first question, which counts as a caller. */
export function noteRefresh(
  load: RefreshLoad,
  now: number,
  waitedMs: number | undefined,
): RefreshLoad {
  const { weights, ...rest } = advanceLoad(load, now)
  const index = rest.second % WINDOW_SECONDS
  const added = weigh(waitedMs)
  const sums = weights.map((weight, other) => (other === index ? weight + added : weight))
  const noted = { ...rest, weights: sums }
  return { ...noted, intervalMs: adviseIntervalMs(noted, now), advisedAt: now }
}

/** In milliseconds, a whole number from 5,000 to 60,000. */
export function adviseIntervalMs(load: RefreshLoad, now: number): number {
  const wanted = (estimateCallers(advanceLoad(load, now), now) / TARGET_RATE) * 1000
  const lowest = load.intervalMs - FALL * Math.max(0, now - load.advisedAt)
  return clampInterval(Math.round(Math.max(wanted, lowest)))
}

export function clampInterval(intervalMs: number): number {
  return Math.min(MAX_INTERVAL_MS, Math.max(MIN_INTERVAL_MS, intervalMs))
}

function estimateCallers({ weights, second, since }: RefreshLoad, now: number): number {
  const recentMs = now - Math.max(since, (second - RECENT_SECONDS + 1) * 1000)
  let all = 0
  let recent = 0
  weights.forEach((weight, index) => {
    const age = ((second % WINDOW_SECONDS) - index + WINDOW_SECONDS) % WINDOW_SECONDS
    all += weight
    if (age < RECENT_SECONDS) recent += weight
  })
  return Math.max(all, (recent * WINDOW_SECONDS * 1000) / Math.max(1000, recentMs))
}

/** A clock that steps back counts into the newest second. */
function advanceLoad(load: RefreshLoad, now: number): RefreshLoad {
  const second = Math.max(load.second, Math.floor(now / 1000))
  const passed = Math.min(second - load.second, WINDOW_SECONDS)
  if (passed === 0) return load
  const weights = [...load.weights]
  for (let i = 0; i < passed; i++) weights[(second - i) % WINDOW_SECONDS] = 0
  return { ...load, weights, second, since: passed > RECENT_SECONDS ? now : load.since }
}

function weigh(waitedMs: number | undefined): number {
  const windowMs = WINDOW_SECONDS * 1000
  return waitedMs !== undefined && waitedMs >= 0 && waitedMs < windowMs ? waitedMs / windowMs : 1
}
