import { describe, expect, test } from 'vitest'
import { parseGoDuration } from '../../../shared/config/go-duration.ts'

describe('a duration of Go', () => {
  test.each([
    ['0', 0],
    ['10s', 10_000],
    ['1m30s', 90_000],
    ['1.5s', 1_500],
    ['.5s', 500],
    ['1.s', 1_000],
    ['1h2m3s4ms', 3_723_004],
    ['500us', 1],
    ['500µs', 1],
    ['500μs', 1],
    ['1ns', 1],
    ['1000001ns', 2],
    ['1.1s', 1_100],
    ['8.2s', 8_200],
    ['0.0s', 0],
    ['2s1m', 62_000],
  ])('%s is read as %d ms, rounded up', (text, ms) => {
    expect(parseGoDuration(text)).toBe(ms)
  })

  test.each(['', '10', '10x', '-1s', 's', '.s', '1m30', '1 s', '1.2.3s', `${'9'.repeat(400)}h`])(
    'is not %j',
    (text) => {
      expect(parseGoDuration(text)).toBeNull()
    },
  )
})
