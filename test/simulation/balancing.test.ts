import { describe, expect, it, vi } from 'vitest'
import { simulateBalancing } from './balancing.ts'

// A run takes half a second, unless the machine has other work.
vi.setConfig({ testTimeout: 60_000 })

const SECOND = 1_000

describe.each([1, 20])(
  '%i isolate(s) before ten endpoints of which one is ten times slower',
  (isolates) => {
    const simulate = (balance: 'round-robin' | 'least-requests', failureRate = 0) =>
      simulateBalancing({ seed: 1, balance, isolates, durationMs: 20 * SECOND, failureRate })
    const even = simulate('round-robin')

    it('wait for the slow one with round robin', () => {
      expect(even.shareToSlow).toBeCloseTo(0.1, 2)
      expect(even.p99).toBeGreaterThan(SECOND)
    })

    it.each([0, 0.01])('avoid it with least requests, also when %d of all answers fail', (rate) => {
      const { p99, shareToSlow } = simulate('least-requests', rate)
      expect(p99).toBeLessThanOrEqual(even.p99 / 20)
      expect(shareToSlow).toBeLessThan(0.02)
      expect(shareToSlow, 'it is still tried').toBeGreaterThan(0)
    })
  },
)

it('is the same story for the same seed', () => {
  const run = () =>
    simulateBalancing({ seed: 7, balance: 'least-requests', isolates: 3, durationMs: SECOND })
  expect(run()).toEqual(run())
})
