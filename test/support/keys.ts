import fc from 'fast-check'

/** Routing keys that a careless table takes for each other or for something of its own. */
export const HOSTILE_KEYS: readonly string[] = [
  '',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'length',
  '0',
  '-1',
  'a',
  'aa',
  'aaa',
  'acme',
  'Acme',
  'ACME',
  'acme ',
  'caf\u00e9',
  'cafe\u0301',
  'CAF\u00c9',
  '\u00df',
  'ss',
  '\ufffd',
  '\u0000',
  '\u0000\u0000',
  '\u{1f310}',
  '\u0101',
  '\u0001',
  '%2e%2e',
  '../admin',
]

/** Distinct, well-formed, and at most 64 × 4 bytes long. */
export const distinctKeys = fc.uniqueArray(
  fc.oneof(
    fc.constantFrom(...HOSTILE_KEYS),
    fc.string({ maxLength: 64 }),
    fc.string({ unit: 'binary', maxLength: 64 }),
    fc.string({ unit: fc.constantFrom('a', 'b', 'é'), maxLength: 5 }),
  ),
  { maxLength: 200, size: 'max' },
)
