/** A clock that is set back by more than this is not one that is corrected. */
const STEP_MS = 60_000

/** The clock was set back since `lastAt`: what was planned by it lies too far ahead. */
export const wasSetBack = (lastAt: number, now: number): boolean => now < lastAt - STEP_MS
