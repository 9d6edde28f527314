import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_INTERVAL_MS, MIN_INTERVAL_MS } from '../../../shared/config/refresh.ts'
import {
  type Copy,
  chooseAction,
  chooseSpreadMs,
  drawDueAt,
  isConfirmation,
  isNewer,
  readWaitedMs,
  type Schedule,
  STUCK_MS,
  scheduleAnswer,
  scheduleColdStart,
  scheduleFailure,
  unscheduled,
} from '../../../shared/config/refresh-schedule.ts'

const NOW = Date.UTC(2026, 10, 20)

const aRandom = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const anInterval = fc.integer({ min: MIN_INTERVAL_MS, max: MAX_INTERVAL_MS })

function failTimes(times: number, before: Schedule, random: number): Schedule {
  let schedule = before
  for (let i = 0; i < times; i++) schedule = scheduleFailure(schedule.dueAt, schedule, random)
  return schedule
}

describe('the next refresh', () => {
  it('is due in the second half of the interval and never after it', () => {
    fc.assert(
      fc.property(anInterval, aRandom, (intervalMs, random) => {
        const { dueAt, expiresAt } = scheduleAnswer(NOW, intervalMs, random)
        expect(dueAt).toBeGreaterThanOrEqual(NOW + intervalMs / 2)
        expect(dueAt).toBeLessThanOrEqual(expiresAt)
        expect(expiresAt).toBe(NOW + intervalMs)
      }),
    )
  })

  it('leaves a gap between the first and the second that does not shrink with their number', () => {
    const gapOf = (isolates: number): number => {
      // The i-th of n evenly spaced draws is where the i-th of n random ones is on average.
      const dueAt = (i: number) => drawDueAt(0, 5_000, 1 - i / (isolates + 1))
      return dueAt(2) - dueAt(1)
    }
    expect(gapOf(50)).toBeGreaterThan(150)
    expect(gapOf(5_000)).toBeCloseTo(gapOf(50), 6)
  })

  it('comes within a random part of the spread after a cold start', () => {
    fc.assert(
      fc.property(fc.boolean(), fc.option(anInterval), aRandom, (hasCache, hint, random) => {
        const spreadMs = chooseSpreadMs(hasCache, hint)
        const { dueAt } = scheduleColdStart(NOW, spreadMs, random)
        expect(dueAt).toBeGreaterThanOrEqual(NOW)
        expect(dueAt).toBeLessThanOrEqual(NOW + MAX_INTERVAL_MS)
        expect(dueAt - NOW).toBeCloseTo(random * spreadMs, 2)
      }),
    )
    expect(chooseSpreadMs(false, null)).toBe(MIN_INTERVAL_MS)
    expect(chooseSpreadMs(true, null)).toBe(MAX_INTERVAL_MS)
    expect(chooseSpreadMs(true, 7_000)).toBe(7_000)
  })
})

describe('back-off', () => {
  it('F03: lasts from 1 s to 60 s, with jitter of up to a half', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 }), aRandom, (times, random) => {
        const before = failTimes(times, unscheduled, random)
        const failed = scheduleFailure(NOW, before, random)
        const withoutJitter = scheduleFailure(NOW, before, 0).dueAt - NOW
        expect(failed.dueAt - NOW).toBeGreaterThanOrEqual(1_000)
        expect(failed.dueAt - NOW).toBeLessThanOrEqual(60_000)
        expect(failed.dueAt - NOW).toBeCloseTo(withoutJitter * (1 + random / 2), 3)
        expect(failed.failures).toBe(times + 1)
      }),
    )
  })

  it('grows with every failure, and starts anew after an answer', () => {
    const delays = [1, 2, 3, 4, 5, 6, 7].map((times) => {
      const before = failTimes(times - 1, unscheduled, 0)
      return scheduleFailure(NOW, before, 0).dueAt - NOW
    })
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 40_000])
    expect(scheduleAnswer(NOW, 5_000, 0).failures).toBe(0)
  })

  it('never asks sooner than the fleet was told to while the coordinator was well', () => {
    fc.assert(
      fc.property(anInterval, aRandom, (intervalMs, random) => {
        const failed = scheduleFailure(NOW, scheduleAnswer(NOW, intervalMs, 0), random)
        expect(failed.dueAt - NOW).toBeGreaterThanOrEqual(Math.min(intervalMs, 40_000))
      }),
    )
  })
})

describe('what a request does', () => {
  const fresh = scheduleAnswer(NOW, 5_000, 0)

  it.each([
    ['serves until the refresh is due', 4_999, true, fresh, undefined, 'serve'],
    ['refreshes behind the request then', 5_000, true, fresh, undefined, 'refresh-behind'],
    ['serves while the refresh is on its way', 5_100, true, fresh, 5_000, 'serve'],
    ['replaces an orphan', 5_001 + STUCK_MS, true, fresh, 5_000, 'refresh-behind'],
    ['refreshes behind until 30 s', 29_999, true, fresh, undefined, 'refresh-behind'],
    ['waits after 30 s of sleep', 30_000, true, fresh, undefined, 'wait'],
    ['joins the wait', 30_099, true, fresh, 30_000, 'wait'],
    ['waits no longer than 100 ms', 30_100, true, fresh, 30_000, 'serve'],
    ['loads when it holds nothing', 0, false, unscheduled, undefined, 'load'],
    ['joins the load', 500, false, unscheduled, 0, 'load'],
    ['serves nothing when it just asked', 4_999, false, fresh, undefined, 'serve'],
    ['asks again when that was long ago', 5_000, false, fresh, undefined, 'load'],
  ] as const)('%s', (_name, at, isHolding, schedule, flightStartedAt, action) => {
    const flight = flightStartedAt === undefined ? undefined : NOW + flightStartedAt
    expect(chooseAction(NOW + at, isHolding, schedule, flight)).toBe(action)
  })

  it('does not wait when the last attempt failed: it did not sleep', () => {
    const failed = scheduleFailure(NOW + 5_000, fresh, 0)
    expect(chooseAction(NOW + 300_000, true, failed, undefined)).toBe('refresh-behind')
  })

  it('does not wait at the end of a long interval: nothing slept', () => {
    const slow = scheduleAnswer(NOW, 60_000, 0)
    expect(chooseAction(NOW + 60_100, true, slow, undefined)).toBe('refresh-behind')
    expect(chooseAction(NOW + 65_000, true, slow, undefined)).toBe('wait')
  })

  it('F23 asks when the clock was set back by an hour, and then as often as ever', () => {
    const back = NOW - 3_600_000
    const held = scheduleAnswer(NOW, 5_000, 0)
    expect(chooseAction(NOW, true, held, undefined)).toBe('serve')
    expect(chooseAction(NOW - 1_000, true, held, undefined)).toBe('serve')
    expect(chooseAction(back, true, held, undefined)).toBe('refresh-behind')
    const failed = scheduleFailure(back, held, 0)
    expect(chooseAction(back, true, failed, undefined)).toBe('serve')
    expect(chooseAction(failed.dueAt, true, failed, undefined)).toBe('refresh-behind')
    const answered = scheduleAnswer(back, 5_000, 0)
    expect(chooseAction(back, true, answered, undefined)).toBe('serve')
  })

  it('never waits nor asks before the refresh is due', () => {
    fc.assert(
      fc.property(anInterval, aRandom, aRandom, (intervalMs, random, part) => {
        const schedule = scheduleAnswer(NOW, intervalMs, random)
        const now = Math.ceil(NOW + (schedule.dueAt - NOW) * part) - 1
        expect(chooseAction(now, true, schedule, undefined)).toBe('serve')
      }),
    )
  })
})

describe('which copy wins', () => {
  const aCopy: fc.Arbitrary<Copy> = fc.oneof(
    fc.record({
      revision: fc.integer({ min: 1, max: 20 }),
      source: fc.constantFrom('coordinator' as const, 'replica' as const),
    }),
    fc.constant<Copy>({ revision: 0, source: 'bootstrap' }),
  )

  it('is the highest revision, whatever the order in which copies come', () => {
    fc.assert(
      fc.property(fc.array(aCopy, { minLength: 1 }), (copies) => {
        let held: Copy | undefined
        for (const copy of copies) {
          const before = held?.revision ?? 0
          if (isNewer(copy, held)) held = copy
          expect(held?.revision).toBeGreaterThanOrEqual(before)
        }
        expect(held?.revision).toBe(Math.max(...copies.map(({ revision }) => revision)))
      }),
    )
  })

  it('is never a bootstrap once there is anything else', () => {
    const bootstrap: Copy = { revision: 0, source: 'bootstrap' }
    expect(isNewer(bootstrap, undefined)).toBe(true)
    expect(isNewer(bootstrap, { revision: 1, source: 'replica' })).toBe(false)
    expect(isNewer({ revision: 1, source: 'replica' }, bootstrap)).toBe(true)
  })

  it('lets the coordinator vouch for a revision that came from elsewhere, and only that one', () => {
    const replica: Copy = { revision: 3, source: 'replica' }
    expect(isConfirmation({ revision: 3, source: 'coordinator' }, replica)).toBe(true)
    expect(isConfirmation({ revision: 4, source: 'coordinator' }, replica)).toBe(false)
    expect(isConfirmation(replica, { revision: 3, source: 'coordinator' })).toBe(false)
    expect(isConfirmation({ revision: 3, source: 'coordinator' }, undefined)).toBe(false)
  })
})

describe('the time that an isolate waited', () => {
  it('is unknown before its first answer, and counts from the last one', () => {
    expect(readWaitedMs(NOW, unscheduled)).toBeUndefined()
    expect(readWaitedMs(NOW, scheduleColdStart(NOW, 5_000, 0.5))).toBeUndefined()
    const failed = scheduleFailure(NOW + 5_000, scheduleAnswer(NOW, 5_000, 0), 0)
    expect(readWaitedMs(NOW + 7_000, failed)).toBe(7_000)
    expect(readWaitedMs(NOW - 1, failed)).toBe(0)
  })
})
