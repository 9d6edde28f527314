import { describe, expect, it } from 'vitest'
import {
  earnToken,
  mayRetry,
  RETRIES,
  startBudget,
  takeToken,
} from '../../../shared/breaker/retry-budget.ts'

/** gRFC A6: a failure takes a token, and half of them stay in reserve. */
const A6 = { capacity: 10, perSuccess: 0.1, reserve: 5 }

describe('the retry budget', () => {
  it.each([
    ['BV-L01 starts full, and is blocked at half', ['', true], ['FFFF', true], ['F', false]],
    [
      'BV-L02 ten successes buy one failure back',
      ['FFFFF', false],
      ['S'.repeat(9), true],
      ['F', false],
    ],
    [
      'BV-L06 never falls below nothing',
      ['F'.repeat(30), false],
      ['S'.repeat(50), false],
      ['SS', true],
    ],
  ] as [string, ...[string, boolean][]][])('%s', (_, ...steps) => {
    const budget = startBudget(A6)
    for (const [sequence, expected] of steps) {
      for (const one of sequence) {
        if (one === 'F') takeToken(budget)
        else earnToken(budget, A6)
      }
      expect(mayRetry(budget, A6), `after ${sequence}`).toBe(expected)
    }
  })

  it('of a placement allows a hundred retries, then one for ten successes', () => {
    const budget = startBudget(RETRIES)
    let retries = 0
    for (; mayRetry(budget, RETRIES); retries++) takeToken(budget)
    expect(retries).toBe(100)
    for (let i = 0; i < 9; i++) earnToken(budget, RETRIES)
    expect(mayRetry(budget, RETRIES)).toBe(false)
    earnToken(budget, RETRIES)
    expect(mayRetry(budget, RETRIES)).toBe(true)
  })

  it('never holds more than its capacity', () => {
    const budget = startBudget(RETRIES)
    for (let i = 0; i < 50; i++) earnToken(budget, RETRIES)
    expect(budget.tokens).toBe(100)
  })
})
