import { describe, expect, it } from 'vitest'
import {
  applyView,
  type IsolateBreaker,
  listUnhealthy,
  readAvailability,
  startIsolateBreaker,
} from '../../../shared/breaker/admit.ts'
import type { BreakerView } from '../../../shared/breaker/view.ts'

const closed: BreakerView = {
  epoch: 1,
  version: 1,
  generation: 1,
  phase: 'closed',
  isForced: false,
  leftMs: 0,
  rampedMs: 0,
  isDraining: false,
  unhealthy: [],
}

function hold(view: BreakerView): IsolateBreaker {
  const one = startIsolateBreaker()
  applyView(one, view, 0)
  return one
}

describe('a placement apart from its breaker', () => {
  it('health and draining are no matter of the breaker, and health is forgotten in two minutes', () => {
    const unknown = startIsolateBreaker()
    expect([readAvailability(unknown, 1, 0), listUnhealthy(unknown, 0)]).toEqual(['available', []])
    const half = hold({ ...closed, unhealthy: [1] })
    expect([readAvailability(half, 2, 120_000), listUnhealthy(half, 120_000)]).toEqual([
      'available',
      [1],
    ])
    expect(listUnhealthy(half, 120_001)).toEqual([])
    const ill = hold({ ...closed, unhealthy: [0, 1] })
    expect([readAvailability(ill, 2, 120_000), readAvailability(ill, 2, 120_001)]).toEqual([
      'unhealthy',
      'available',
    ])
    const drained = hold({ ...closed, isDraining: true, unhealthy: [0] })
    expect(readAvailability(drained, 1, 1e9)).toBe('draining')
  })
})
