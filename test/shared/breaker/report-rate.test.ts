import { describe, expect, it } from 'vitest'
import { noteArrival, readShare, startRate } from '../../../shared/breaker/report-rate.ts'

/** The share that is asked for after reports at that rate for ten seconds. */
function shareAt(perSecond: number): number {
  let rate = startRate
  for (let i = 0; i < perSecond * 10; i++) rate = noteArrival(rate, 1e12 + (i * 1_000) / perSecond)
  return readShare(rate)
}

describe('the share of reports that isolates send', () => {
  it.each([1, 50, 150])('is all of them at %d a second', (perSecond) => {
    expect(shareAt(perSecond)).toBe(1)
  })

  it.each([
    [400, 0.5],
    [2_000, 0.1],
  ])('at %d a second it is such that 200 remain: %d', (perSecond, share) => {
    expect(shareAt(perSecond)).toBeCloseTo(share, 1)
  })

  it('is all of them again after a silence, and a clock that steps back changes nothing', () => {
    let rate = startRate
    for (let i = 0; i < 5_000; i++) rate = noteArrival(rate, 1e12 + i)
    expect(readShare(rate)).toBeLessThan(0.5)
    expect(readShare(noteArrival(rate, 1e12))).toBeLessThan(0.5)
    expect(readShare(noteArrival(rate, 1e12 + 60_000))).toBe(1)
  })
})
