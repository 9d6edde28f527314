import { describe, expect, test } from 'vitest'
import { aSmallDocument, codesOf, errorsOf } from '../../support/documents.ts'

describe('the errors of a document', () => {
  const sizeOf = (document: unknown) => JSON.stringify(errorsOf(document)).length

  test.each([
    ['duplicate keys', `"${'/'.repeat(100_000)}":{${Array(1_000).fill('"a":1').join()}}`],
    [
      'long names that are given twice',
      Array(1_000)
        .fill(`"${'~'.repeat(4_000)}":1`)
        .join(),
    ],
    [
      'long names that are unknown',
      `"placements":{"a":{${Array.from({ length: 150 }, (_, i) => `"${'y'.repeat(20_000)}${i}":1`).join()}}}`,
    ],
    ['a name of 2 MB', `"${'n'.repeat(2_000_000)}":1`],
    [
      'long names under long names',
      `${Array(60)
        .fill(`"${'x'.repeat(20_000)}":{`)
        .join('')}${Array(1_000).fill('"a":1').join()}${'}'.repeat(60)}`,
    ],
    [
      'long names that differ by case',
      `"placements":{"${'x'.repeat(1_000_000)}":{},"${'X'.repeat(1_000_000)}":{}}`,
    ],
  ])('take less than 1 MiB when it has %s', (_, members) => {
    expect(sizeOf(`{"schema":1,${members}}`)).toBeLessThan(2 ** 20)
  })

  test('are only counted beyond 512 KiB', () => {
    const deep = (keys: number) =>
      `{"schema":1,${'"x":{'.repeat(60).replaceAll('x', 'x'.repeat(300))}${Array(keys).fill('"a":1').join()}${'}'.repeat(60)}}`
    const errors = errorsOf(deep(1_000))
    const listed = errors.length - 1
    expect(listed).toBeLessThan(50)
    expect(errors.at(-1)?.message).toMatch(/^at least \d+ more/)
    expect(errors[0]?.pointer.startsWith(`/${'x'.repeat(200)}…/`)).toBe(true)
  })

  test('do not say that a field is missing that comes after 200 unknown ones', () => {
    const unknown = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`u${i}`, 1]))
    const codes = codesOf({ ...unknown, ...aSmallDocument() })
    expect(new Set(codes.map((code) => code.split(' ')[1]))).toEqual(new Set(['unknown_field']))
    const placements = { tier1: { ...unknown, endpoints: ['https://a.example'] } }
    expect(codesOf(aSmallDocument({ placements })).join()).not.toContain('missing_field')
  })
})
