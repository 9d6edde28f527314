import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Placement } from '../../../shared/config/snapshot.ts'
import {
  noteEnded,
  noteSent,
  orderEndpoints,
  startBalance,
} from '../../../shared/routing/balance.ts'
import { createRandom } from '../../simulation/random.ts'
import { aRequest, draw, readChiSquarePerDf, weighing } from './balance-subject.ts'

const MODES = ['round-robin', 'weighted', 'least-requests', 'rendezvous'] as const

/** The first of each of `requests` orders. */
function listPicks(placement: Placement, requests: number, random: () => number): number[] {
  const balance = startBalance(placement, random)
  return Array.from({ length: requests }, () => {
    return orderEndpoints(placement, balance, aRequest({ random }))[0]!
  })
}

describe('every way of balancing', () => {
  const request = fc.record({
    routingKey: fc.string(),
    now: fc.nat(100_000),
    excluded: fc.array(fc.nat(11), { maxLength: 12 }),
    failures: fc.array(fc.nat(11), { maxLength: 3 }),
  })

  test.each(MODES)('%s names every selectable endpoint once, and no other', (mode) => {
    const weights = fc.array(fc.nat(3), { maxLength: 12 })
    fc.assert(
      fc.property(weights, fc.array(request, { maxLength: 20 }), fc.nat(), (some, asked, seed) => {
        const placement = weighing(mode, ...some)
        const random = createRandom(seed)
        const balance = startBalance(placement, random)
        const weighted = [...some.keys()].filter((index) => some[index] !== 0)
        for (const { failures, ...question } of asked) {
          const order = orderEndpoints(placement, balance, { ...question, random })
          const left = weighted.filter((index) => !question.excluded.includes(index))
          expect(order.toSorted((a, b) => a - b)).toEqual(left.length > 0 ? left : weighted)
          for (const index of order.slice(0, 1)) noteSent(balance, index, question.now)
          for (const index of failures)
            noteEnded(balance, index, { latencyMs: 5, hasFailed: true }, question.now)
        }
      }),
    )
  })

  test.each(MODES)('%s finds nothing when all weights are 0 or there is no endpoint', (mode) => {
    for (const placement of [weighing(mode, 0, 0), weighing(mode, 0), weighing(mode)]) {
      const balance = startBalance(placement, () => 0.5)
      expect(orderEndpoints(placement, balance, aRequest())).toEqual([])
    }
  })

  test.each(MODES)('%s takes the only endpoint without drawing or building anything', (mode) => {
    const placement = weighing(mode, 3)
    const balance = startBalance(placement, draw())
    const order = orderEndpoints(placement, balance, aRequest())
    expect(order).toEqual([0])
    expect(orderEndpoints(placement, balance, aRequest({ excluded: [0] }))).toBe(order)
    expect(Object.isFrozen(order)).toBe(true)
    expect(() => noteSent(balance, 0, 0)).not.toThrow()
    expect(() => noteEnded(balance, 0, null, 0)).not.toThrow()
  })
})

describe('round robin', () => {
  test('advances by one per request and skips endpoints without a weight', () => {
    const placement = weighing('round-robin', 0, 1, 0, 3, 1)
    const balance = startBalance(placement, draw(0))
    const orders = [1, 2, 3, 4].map(() => orderEndpoints(placement, balance, aRequest()))
    expect(orders).toEqual([
      [1, 3, 4],
      [3, 4, 1],
      [4, 1, 3],
      [1, 3, 4],
    ])
  })

  test('starts where the isolate draws', () => {
    const placement = weighing('round-robin', 1, 1, 1, 1)
    const starts = [1, 2, 3].map((start) => listPicks(placement, 3, draw(start / 2 ** 32)))
    expect(starts).toEqual([
      [1, 2, 3],
      [2, 3, 0],
      [3, 0, 1],
    ])
  })

  test('sends an even share to each, also over those left when one is without weight or excluded', () => {
    const excluded = weighing('round-robin', 1, 1, 1, 1)
    const balance = startBalance(excluded, () => 0.3)
    const cases = [
      listPicks(weighing('round-robin', 1, 0, 1, 1), 3_000, () => 0.3),
      Array.from({ length: 3_000 }, () => {
        return orderEndpoints(excluded, balance, aRequest({ excluded: [1] }))[0]
      }),
    ]
    for (const picks of cases) {
      const counts = [0, 1, 2, 3].map((index) => picks.filter((pick) => pick === index).length)
      expect(counts).toEqual([1_000, 0, 1_000, 1_000])
    }
  })

  test.each([
    ['round-robin', [1, 1, 1, 1]],
    ['weighted', [5, 1, 1]],
    ['weighted', [1_000, 500, 500]],
  ] as const)('%s %j spreads 5,000 isolates that live for three requests', (mode, weights) => {
    const random = createRandom(1)
    const placement = weighing(mode, ...weights)
    const picks = Array.from({ length: 5_000 }, () => listPicks(placement, 3, random)).flat()
    const counts = weights.map((_, index) => picks.filter((pick) => pick === index).length)
    const total = weights.reduce<number>((sum, weight) => sum + weight, 0)
    const shares = weights.map((weight) => weight / total)
    expect(readChiSquarePerDf(counts, shares)).toBeLessThan(3)
  })
})
