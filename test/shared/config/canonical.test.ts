import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { printCanonical } from '../../../shared/config/canonical.ts'
import { type Json, parseJson } from '../../../shared/config/json.ts'
import { accepted, aSmallDocument } from '../../support/documents.ts'

const treeOf = (text: string): Json => {
  const parsed = parseJson(text)
  if (!parsed.ok) throw new Error(parsed.error.message)
  return parsed.value
}

/** The same value with the members of every object in the opposite order. */
const reverse = (value: Json): Json => {
  if (value instanceof Map) {
    return new Map([...value].reverse().map(([key, member]) => [key, reverse(member)]))
  }
  return Array.isArray(value) ? value.map(reverse) : value
}

describe('canonical JSON', () => {
  test('prints what RFC 8785 section 3.2.2 and 3.2.3 print', () => {
    const text = `{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001, -0],
      "string": "\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\"\\/",
      "literals": [null, true, false]
    }`
    expect(printCanonical(treeOf(text))).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27,0],' +
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    )
  })

  test('sorts keys by UTF-16 code units, as RFC 8785 does', () => {
    const text =
      '{"\\u20ac":1,"\\r":2,"\\ufb33":3,"1":4,"\\ud83d\\ude00":5,"\\u0080":6,"\\u00f6":7}'
    expect(printCanonical(treeOf(text))).toBe(
      '{"\\r":2,"1":4,"\u0080":6,"ö":7,"€":1,"😀":5,"\ufb33":3}',
    )
  })

  test('does not depend on the order of keys or on white space, and reads back as the value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const tree = treeOf(JSON.stringify(value, null, 1))
        const printed = printCanonical(tree)
        expect(printCanonical(reverse(tree))).toBe(printed)
        expect(treeOf(printed)).toEqual(tree)
      }),
    )
  })

  test('differs when anything in the document differs', () => {
    const canonicalOf = (label: string) => accepted(aSmallDocument({ label })).canonical
    expect(canonicalOf('a')).not.toBe(canonicalOf('b'))
    const { label, ...rest } = aSmallDocument({ label: 'a' })
    expect(canonicalOf('a')).toBe(accepted({ ...rest, label }).canonical)
  })
})
