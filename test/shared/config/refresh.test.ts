import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  adviseIntervalMs,
  clampInterval,
  emptyLoad,
  MAX_INTERVAL_MS,
  MIN_INTERVAL_MS,
  noteRefresh,
  type RefreshLoad,
  TARGET_RATE,
} from '../../../shared/config/refresh.ts'

const START = Date.UTC(2026, 10, 20)

/** A fleet at rest: every caller asks once per interval, evenly spread. */
function runSteady(callers: number, intervalMs: number, lastingMs: number): RefreshLoad {
  const gapMs = intervalMs / callers
  let load = emptyLoad
  for (let at = 0; at < lastingMs; at += gapMs) load = noteRefresh(load, START + at, intervalMs)
  return load
}

describe('the advised interval', () => {
  const anyQuestions = fc.array(
    fc.record({
      afterMs: fc.integer({ min: -2_000, max: 120_000 }),
      waitedMs: fc.option(fc.oneof(fc.double(), fc.integer({ min: 0, max: 100_000 })), {
        nil: undefined,
      }),
    }),
    { maxLength: 100 },
  )

  it('is a whole number from 5 s to 60 s whatever was asked, also by a clock that steps back', () => {
    fc.assert(
      fc.property(anyQuestions, (questions) => {
        let load = emptyLoad
        let now = START
        for (const { afterMs, waitedMs } of questions) {
          now += afterMs
          load = noteRefresh(load, now, waitedMs)
          const intervalMs = adviseIntervalMs(load, now)
          expect(intervalMs).toBe(clampInterval(Math.round(intervalMs)))
          expect(load.weights).toHaveLength(60)
        }
      }),
    )
  })

  it('follows the number of callers and not the interval at which they come', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2_000 }),
        fc.integer({ min: MIN_INTERVAL_MS, max: MAX_INTERVAL_MS }),
        (callers, intervalMs) => {
          const load = runSteady(callers, intervalMs, 70_000)
          const wanted = clampInterval((callers / TARGET_RATE) * 1_000)
          expect(adviseIntervalMs(load, START + 70_000) / wanted).toBeGreaterThan(0.9)
          expect(adviseIntervalMs(load, START + 70_000) / wanted).toBeLessThan(1.1)
        },
      ),
      { numRuns: 10 },
    )
  })

  it('sees a fleet that is being born within a second', () => {
    let load = emptyLoad
    for (let at = 0; at < 1_000; at += 10) load = noteRefresh(load, START + at, undefined)
    // 100 first questions in a second: 6,000 callers in a minute, if it goes on like that.
    expect(adviseIntervalMs(load, START + 1_000)).toBeCloseTo((6_000 / TARGET_RATE) * 1_000, -2)
  })

  it('falls so slowly that those who ask later do not come back with those who asked before', () => {
    const load = runSteady(6_000, 48_000, 70_000)
    const end = START + 70_000
    const backAt = Array.from({ length: 600 }, (_, i) => {
      const now = end + i * 100
      return now + adviseIntervalMs(load, now)
    })
    const gaps = backAt.slice(1).map((at, i) => at - backAt[i]!)
    // In 100 ms a full second's share of TARGET_RATE must not become that of more than 200.
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual((100 * TARGET_RATE) / 200)
    expect(adviseIntervalMs(load, end + 200_000)).toBe(MIN_INTERVAL_MS)
  })

  it('leaves the load it was given as it was', () => {
    const load = noteRefresh(emptyLoad, START, undefined)
    const before = structuredClone(load)
    noteRefresh(load, START + 90_000, 5_000)
    expect(load).toEqual(before)
    expect(emptyLoad.weights.every((weight) => weight === 0)).toBe(true)
  })
})
