import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Findings } from '../../../shared/config/findings.ts'
import { FORBIDDEN_KEYS, type Json, parseJson } from '../../../shared/config/json.ts'

/** What the parser makes of a value that JSON.parse read. */
const treeOf = (value: unknown): Json => {
  if (Array.isArray(value)) return value.map(treeOf)
  if (typeof value !== 'object' || value === null) return value as Json
  const members = Object.entries(value).filter(([key]) => !FORBIDDEN_KEYS.has(key))
  return new Map(members.map(([key, member]) => [key, treeOf(member)]))
}

/** JSON.parse makes numbers that are out of range infinite; the parser refuses them. */
const isAcceptedByEngine = (text: string): boolean => {
  let isInRange = true
  try {
    JSON.parse(text, (_, value) => {
      if (typeof value === 'number') isInRange &&= Number.isFinite(value)
    })
    return isInRange
  } catch {
    return false
  }
}

const findingsOf = (text: string) => {
  const findings = new Findings(1_000)
  expect(parseJson(text, findings).ok).toBe(true)
  return findings.list().map(({ pointer, code }) => `${pointer} ${code}`)
}

describe('a JSON text', () => {
  test('has the value that JSON.parse gives it', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(0, 2, '\t'), (value, indent) => {
        const text = JSON.stringify(value, null, indent)
        expect(parseJson(text)).toEqual({
          ok: true,
          value: treeOf(JSON.parse(text)),
        })
      }),
      { numRuns: 500 },
    )
  })

  test('is accepted exactly when JSON.parse accepts it, also after a random edit', () => {
    const edit = fc.record({
      value: fc.jsonValue({ maxDepth: 3 }),
      at: fc.nat(),
      cut: fc.nat(2),
      insert: fc.oneof(
        fc.constantFrom(...'{}[]",:\\ue+-.01tfn\n\t\u0000\u00a0 '),
        fc.string({ maxLength: 2 }),
      ),
    })
    fc.assert(
      fc.property(edit, ({ value, at, cut, insert }) => {
        const text = JSON.stringify(value)
        const start = at % (text.length + 1)
        const edited = text.slice(0, start) + insert + text.slice(start + cut)
        expect(parseJson(edited).ok).toBe(isAcceptedByEngine(edited))
      }),
      { numRuns: 1_500 },
    )
  })

  test.each([
    ['"\\u00e9\\n\\"\\\\\\/\\ud83d\\ude00"', 'é\n"\\/😀'],
    ['-0.5e+3', -500],
    ['"\u007f\u2028"', '\u007f\u2028'],
    ['\ufeff true', true],
    [' \r\n\t[ ] ', []],
    ['{ }', new Map()],
    ['null', null],
    ['false', false],
  ])('%j is read as RFC 8259 says', (text, value) => {
    expect(parseJson(text)).toEqual({ ok: true, value })
  })

  test('keeps the order of its keys, also of those that look like numbers', () => {
    const parsed = parseJson('{"b":1,"10":2,"9":3,"a":4}')
    expect(parsed.ok && parsed.value instanceof Map && [...parsed.value.keys()]).toEqual([
      'b',
      '10',
      '9',
      'a',
    ])
  })
})

describe('an error in a JSON text', () => {
  test.each([
    ['', 1, 1, 'The text ends where a value was expected'],
    ['{"a":1,}', 1, 8, 'Found "}" where a key in double quotes was expected'],
    ['{"a":1\n "b":2}', 2, 2, 'Found "\\"" where "," or "}" was expected'],
    ['{\r\n"a" 1}', 2, 5, 'Found "1" where ":" after a key was expected'],
    ['[1\r2]', 2, 1, 'Found "2" where "," or "]" was expected'],
    ['[1] 😀', 1, 5, 'Found "😀" where the end of the document was expected'],
    ['\ufeff\n [01]', 2, 4, 'Found "1" where "," or "]" was expected'],
    ['{"schema":1} // done', 1, 14, 'Found "/" where the end of the document was expected'],
    ['"a\tb"', 1, 3, 'A control character in a string must be escaped'],
    ['"\\x"', 1, 2, 'The escape in the string is not valid'],
    ['"\\u12g4"', 1, 2, 'The escape in the string is not valid'],
    ['["ab', 1, 5, 'The text ends inside a string'],
    ['[1e999]', 1, 2, 'The number is out of range'],
    ['["\\ud800"]', 1, 2, 'A lone surrogate is not a character'],
    ['["a", "\ud800"]', 1, 8, 'A lone surrogate is not a character'],
  ])('%j is told with line, column and what was expected', (text, line, column, message) => {
    expect(parseJson(text)).toEqual({ ok: false, error: { line, column, message } })
  })

  test('nesting ends at 64 levels, however deep the text goes on (C15)', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
    expect(parseJson(nested(64)).ok).toBe(true)
    const message = 'Values are nested deeper than 64 levels'
    for (const depth of [65, 10_000, 1_000_000]) {
      expect(parseJson(nested(depth))).toEqual({
        ok: false,
        error: { line: 1, column: 65, message },
      })
    }
    expect(parseJson('{"a":'.repeat(100_000)).ok).toBe(false)
  })

  test('the number of objects and arrays is bounded', () => {
    const flat = (count: number) => `[${Array(count).fill('{}').join()}]`
    expect(parseJson(flat(249_999)).ok).toBe(true)
    expect(parseJson(flat(250_000))).toMatchObject({
      ok: false,
      error: { message: 'There are more than 250000 objects and arrays' },
    })
  })
})

describe('keys', () => {
  test('that are given twice are reported where they are, and the last value is kept (C05)', () => {
    const text = '{"a":1,"b":[{"x~/":1,"x~/":2}],"a":3,"a":4}'
    expect(findingsOf(text)).toEqual([
      '/b/0/x~0~1 duplicate_key',
      '/a duplicate_key',
      '/a duplicate_key',
    ])
    expect(parseJson(text)).toEqual({ ok: true, value: treeOf({ a: 4, b: [{ 'x~/': 2 }] }) })
  })

  test('that are equal only after unescaping are the same key', () => {
    expect(findingsOf('{"a":1,"\\u0061":2}')).toEqual(['/a duplicate_key'])
  })

  test('__proto__, constructor and prototype are reported at any depth and left out (C16)', () => {
    const text =
      '{"__proto__":{"constructor":1},"a":[{"prototype":[]}],"\\u005f_proto__":1,"toString":1}'
    expect(findingsOf(text)).toEqual([
      '/__proto__/constructor forbidden_key',
      '/__proto__ forbidden_key',
      '/a/0/prototype forbidden_key',
      '/__proto__ forbidden_key',
    ])
    expect(parseJson(text)).toEqual({ ok: true, value: treeOf({ a: [{}], toString: 1 }) })
    expect(Object.getOwnPropertyNames({})).toEqual([])
    expect(Reflect.get({}, 'a')).toBeUndefined()
  })

  test('are only counted after a thousand', () => {
    const found = findingsOf(`{${Array(1_500).fill('"a":1').join()}}`)
    expect(found).toHaveLength(1_001)
    expect(found.at(-1)).toBe(' more')
  })
})
