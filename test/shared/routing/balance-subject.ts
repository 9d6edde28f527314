import type { Placement } from '../../../shared/config/snapshot.ts'
import type { BalanceRequest } from '../../../shared/routing/balance.ts'
import { aPlacement } from '../../support/a-config.ts'

/** Endpoints with these weights: https://cell-0.example, https://cell-1.example and so on. */
export const weighing = (balance: Placement['balance'], ...weights: number[]): Placement => ({
  ...aPlacement(),
  name: 'cell',
  fallback: [],
  balance,
  endpoints: weights.map((weight, index) => ({
    kind: 'url',
    base: `https://cell-${index}.example`,
    weight,
  })),
})

/** Numbers from 0 up to 1, in turn; more than that are an error. */
export const draw = (...numbers: number[]): (() => number) => {
  const left = [...numbers]
  return () => {
    const next = left.shift()
    if (next === undefined) throw new Error('drew more often than expected')
    return next
  }
}

export const aRequest = (changes: Partial<BalanceRequest> = {}): BalanceRequest => ({
  routingKey: 'acme',
  now: 1_000_000,
  random: draw(),
  ...changes,
})

/** How far counts are from their expected shares, per degree of freedom: some 1 when by chance. */
export function readChiSquarePerDf(counts: readonly number[], shares: readonly number[]): number {
  const all = counts.reduce((sum, count) => sum + count, 0)
  const chiSquare = counts.reduce((sum, count, index) => {
    const expected = all * shares[index]!
    return sum + (count - expected) ** 2 / expected
  }, 0)
  return chiSquare / (counts.length - 1)
}
