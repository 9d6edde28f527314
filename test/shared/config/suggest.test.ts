import { describe, expect, test } from 'vitest'
import { suggest } from '../../../shared/config/suggest.ts'

describe('a suggestion', () => {
  test.each([
    ['falback', ['endpoints', 'fallback', 'retry'], 'fallback'],
    ['teir1', ['visa', 'tier1'], 'tier1'],
    ['circuit_breaker', ['circuitBreaker', 'retry'], 'circuitBreaker'],
    ['Tier1', ['tier2', 'tier1'], 'tier1'],
    ['tier4', ['tier1', 'tier2'], 'tier1'],
  ])('for %j is the closest name', (name, candidates, closest) => {
    expect(suggest(name, candidates)).toBe(` (did you mean "${closest}"?)`)
  })

  test.each([
    ['x', ['tier1']],
    ['nope', ['tier1', 'visa']],
    ['', ['tier1']],
    ['a'.repeat(41), ['a'.repeat(40)]],
    ['tier1', []],
  ])('for %j among %j is not made', (name, candidates) => {
    expect(suggest(name, candidates)).toBe('')
  })
})
