import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseDuration, printDuration } from '../../shared/duration.ts'

describe('a duration', () => {
  test.each([
    ['250ms', 250],
    ['10s', 10_000],
    ['90s', 90_000],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['0s', 0],
    ['007s', 7_000],
  ])('%s is read in milliseconds', (text, ms) => {
    expect(parseDuration(text)).toEqual({ ok: true, value: ms })
  })

  test.each([
    '',
    '10',
    's',
    '10x',
    '-1s',
    '+1s',
    '1.5s',
    '1m30s',
    ' 1s',
    '1s ',
    '1S',
    '1 s',
    '1d',
    '٣s',
  ])('is not %j', (text) => {
    expect(parseDuration(text)).toMatchObject({
      ok: false,
      error: expect.stringContaining('is not a duration'),
    })
  })

  test('is refused when its milliseconds are not a safe integer', () => {
    expect(parseDuration('9007199254740991ms').ok).toBe(true)
    expect(parseDuration('9007199254740992ms')).toEqual({ ok: false, error: 'is too long' })
    expect(parseDuration(`${'9'.repeat(400)}h`)).toEqual({ ok: false, error: 'is too long' })
  })

  test.each([
    [0, '0s'],
    [1, '1ms'],
    [1_500, '1500ms'],
    [90_000, '90s'],
    [7_200_000, '2h'],
  ])('of %d ms prints as %s, in the largest unit that is exact', (ms, text) => {
    expect(printDuration(ms)).toBe(text)
  })

  test('reads back as what was printed', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (ms) => {
        expect(parseDuration(printDuration(ms))).toEqual({ ok: true, value: ms })
      }),
    )
  })
})
