import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Endpoint, Placement } from '../../../shared/config/snapshot.ts'
import { orderEndpoints, startBalance } from '../../../shared/routing/balance.ts'
import { aRequest, draw, readChiSquarePerDf, weighing } from './balance-subject.ts'

const MODE = 'rendezvous'
const KEYS = Array.from({ length: 100_000 }, (_, i) => `tenant-${i}`)
const TEN = weighing(MODE, ...Array<number>(10).fill(1))

const listening = (endpoints: readonly Endpoint[]): Placement => ({ ...TEN, endpoints })

/** The order for a key, as endpoints. */
function findOrder(placement: Placement, excluded: readonly number[] = []) {
  const balance = startBalance(placement, draw())
  return (routingKey: string): readonly Endpoint[] =>
    orderEndpoints(placement, balance, aRequest({ routingKey, excluded })).map(
      (index) => placement.endpoints[index]!,
    )
}

/** How many keys each endpoint gets. */
function countKeys(placement: Placement): number[] {
  const order = findOrder(placement)
  const counts = new Map(placement.endpoints.map((endpoint) => [endpoint, 0]))
  for (const key of KEYS) {
    const first = order(key)[0]!
    counts.set(first, counts.get(first)! + 1)
  }
  return [...counts.values()]
}

const sigma = (share: number): number => Math.sqrt((share * (1 - share)) / KEYS.length)

describe('rendezvous', () => {
  test('spreads 100,000 keys over ten endpoints as evenly as chance', () => {
    const shares = Array<number>(10).fill(0.1)
    expect(readChiSquarePerDf(countKeys(TEN), shares)).toBeLessThanOrEqual(1.4)
  })

  test('moves no key between the endpoints that stay, and spreads those of the one that goes', () => {
    const orderBefore = findOrder(TEN)
    const orderAfter = findOrder(listening(TEN.endpoints.toSpliced(3, 1)))
    const removed = TEN.endpoints[3]!
    const heirs = new Map<Endpoint, number>()
    let moved = 0
    for (const key of KEYS) {
      const [was, next] = orderBefore(key)
      const is = orderAfter(key)[0]!
      if (was === removed) {
        moved++
        heirs.set(is, (heirs.get(is) ?? 0) + 1)
        if (is !== next) expect.fail(`${key} did not fail over to the second of its order`)
      } else if (is !== was) expect.fail(`${key} moved between survivors`)
    }
    expect(Math.abs(moved / KEYS.length - 0.1)).toBeLessThan(3 * sigma(0.1))
    expect(heirs.size).toBe(9)
    expect(readChiSquarePerDf([...heirs.values()], Array<number>(9).fill(1 / 9))).toBeLessThan(2)
  })

  test('gives weight 3 of 12 a quarter of the keys', () => {
    const [heavy = 0, ...others] = countKeys(weighing(MODE, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1))
    expect(Math.abs(heavy / KEYS.length - 0.25)).toBeLessThan(3 * sigma(0.25))
    for (const count of others)
      expect(Math.abs(count / KEYS.length - 1 / 12)).toBeLessThan(4 * sigma(1 / 12))
  })

  test('moves keys only to the endpoint whose weight rises', () => {
    const heavier = TEN.endpoints.map((endpoint, i) =>
      i === 4 ? { ...endpoint, weight: 2 } : endpoint,
    )
    const orderBefore = findOrder(TEN)
    const orderAfter = findOrder(listening(heavier))
    const strays = KEYS.slice(0, 20_000).filter((key) => {
      const is = orderAfter(key)[0]!
      return is !== heavier[4] && is !== orderBefore(key)[0]
    })
    expect(strays).toEqual([])
  })

  const endpoint: fc.Arbitrary<Endpoint> = fc
    .tuple(
      fc.constantFrom('url', 'service', 'dispatch'),
      fc.nat(4),
      fc.nat(4),
      fc.integer({ min: 1, max: 3 }),
    )
    .map(([kind, a, b, weight]) => {
      if (kind === 'url') return { kind, base: `https://cell-${a}.example`, weight }
      if (kind === 'service') return { kind, binding: `CELL_${a}`, weight }
      return { kind: 'dispatch', binding: `SPACE_${a}`, script: `cell-${b}`, weight }
    })
  const identify = ({ weight: _, ...identity }: Endpoint): string => JSON.stringify(identity)
  const distinct = fc.uniqueArray(endpoint, { selector: identify, minLength: 2, maxLength: 10 })

  test('orders by what endpoints are, not by where they stand', () => {
    const shuffled = distinct.chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
    )
    fc.assert(
      fc.property(shuffled, fc.string(), ([endpoints, others], key) => {
        expect(findOrder(listening(others))(key)).toEqual(findOrder(listening(endpoints))(key))
      }),
    )
  })

  test('fails over as if the excluded endpoint had never been there', () => {
    fc.assert(
      fc.property(distinct, fc.nat(9), fc.string(), (endpoints, some, key) => {
        const gone = some % endpoints.length
        const expected = findOrder(listening(endpoints))(key).filter(
          (one) => one !== endpoints[gone],
        )
        expect(findOrder(listening(endpoints), [gone])(key)).toEqual(expected)
      }),
    )
  })

  test('takes the same endpoint twice for two endpoints', () => {
    const [first, second] = TEN.endpoints
    const placement = listening([first!, second!, { ...first! }])
    expect(readChiSquarePerDf(countKeys(placement), [1 / 3, 1 / 3, 1 / 3])).toBeLessThan(3)
  })
})
