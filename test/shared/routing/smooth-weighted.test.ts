import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Placement } from '../../../shared/config/snapshot.ts'
import { type Balance, orderEndpoints, startBalance } from '../../../shared/routing/balance.ts'
import { aRequest, weighing } from './balance-subject.ts'

const order = (placement: Placement, balance: Balance, excluded: readonly number[] = []) =>
  orderEndpoints(placement, balance, aRequest({ excluded }))

const listPicks = (placement: Placement, balance: Balance, requests: number) =>
  Array.from({ length: requests }, () => order(placement, balance)[0])

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0)

describe('smooth weighted round robin', () => {
  test('interleaves 5, 1, 1 as a a b a c a a', () => {
    const placement = weighing('weighted', 5, 1, 1)
    const picks = listPicks(
      placement,
      startBalance(placement, () => 0),
      14,
    )
    expect(picks).toEqual([0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 0, 0])
  })

  test('starts at a random place of the period', () => {
    const placement = weighing('weighted', 5, 1, 1)
    const starts = [2, 4].map((turns) => startBalance(placement, () => (turns + 0.5) / 7))
    expect(starts.map((balance) => listPicks(placement, balance, 7))).toEqual([
      [1, 0, 2, 0, 0, 0, 0],
      [2, 0, 0, 0, 0, 1, 0],
    ])
  })

  test('gives each endpoint exactly its weight in every period, wherever that starts', () => {
    const weights = fc
      .array(fc.nat(20), { minLength: 2, maxLength: 8 })
      .filter((all) => sum(all) > 0)
    const start = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    fc.assert(
      fc.property(weights, start, fc.nat(50), (some, random, skipped) => {
        const placement = weighing('weighted', ...some)
        const balance = startBalance(placement, () => random)
        listPicks(placement, balance, skipped)
        const picks = listPicks(placement, balance, sum(some))
        const counts = some.map((_, index) => picks.filter((pick) => pick === index).length)
        expect(counts).toEqual(some)
      }),
    )
  })

  test('fails over by descending credit, and a failover costs nobody a turn', () => {
    const placement = weighing('weighted', 5, 1, 2)
    const balance = startBalance(placement, () => 0)
    // Credits before each pick: 5 1 2, then 2 2 4.
    expect([1, 2].map(() => order(placement, balance))).toEqual([
      [0, 2, 1],
      [2, 0, 1],
    ])
  })

  test('shares in proportion among those left while one is excluded', () => {
    const placement = weighing('weighted', 3, 2, 1)
    const balance = startBalance(placement, () => 0)
    const picks = Array.from({ length: 400 }, () => order(placement, balance, [1])[0])
    expect([0, 1, 2].map((index) => picks.filter((pick) => pick === index).length)).toEqual([
      300, 0, 100,
    ])
  })
})
