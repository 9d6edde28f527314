import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Placement } from '../../../shared/config/snapshot.ts'
import { pickEndpoint } from '../../../shared/routing/balance.ts'
import { aPlacement } from '../../support/a-config.ts'

const weighing = (...weights: number[]): Placement => ({
  ...aPlacement(),
  name: 'cell',
  fallback: [],
  endpoints: weights.map((weight) => ({ kind: 'url', base: 'https://cell.example', weight })),
})

describe('round robin', () => {
  test('takes the endpoints in turn and skips those without a weight', () => {
    const placement = weighing(0, 1, 0, 3, 0.5)
    expect([0, 1, 2, 3, 4].map((turn) => pickEndpoint(placement, turn))).toEqual([1, 3, 4, 1, 3])
  })

  test('takes the only endpoint every time', () => {
    expect([0, 1, 2].map((turn) => pickEndpoint(weighing(1), turn))).toEqual([0, 0, 0])
  })

  test('finds nothing selectable when all weights are 0 or there is no endpoint', () => {
    expect(pickEndpoint(weighing(0, 0), 3)).toBe(-1)
    expect(pickEndpoint(weighing(), 3)).toBe(-1)
  })

  test('gives every selectable endpoint the same number of turns in a cycle', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3), { maxLength: 12 }), fc.nat(2 ** 40), (weights, start) => {
        const selectable = [...weights.keys()].filter((index) => weights[index] !== 0)
        const placement = weighing(...weights)
        const picks = selectable.map((_, turn) => pickEndpoint(placement, start + turn))
        expect(picks.toSorted((a, b) => a - b)).toEqual(selectable)
      }),
    )
  })
})
