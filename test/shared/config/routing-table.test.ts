import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_ROUTING_KEY_BYTES } from '../../../shared/config/limits.ts'
import {
  buildRoutingTable,
  lookUp,
  openRoutingTable,
} from '../../../shared/config/routing-table.ts'
import hashes from '../../golden/routing-key-hashes.json' with { type: 'json' }
import { distinctKeys, HOSTILE_KEYS } from '../../support/keys.ts'

const LONE_SURROGATE = 'key-\ud800'

function tableOf(keys: Iterable<readonly [string, number]>, seed?: number) {
  const table = openRoutingTable(buildRoutingTable(keys, seed))
  if (table === null) throw new Error('the table did not open')
  return table
}

const numbered = (keys: readonly string[]) => keys.map((key, index) => [key, index] as const)

describe('a routing table', () => {
  test('answers the index of every key and -1 for every other, like a Map', () => {
    fc.assert(
      fc.property(
        distinctKeys,
        fc.array(fc.string({ unit: 'binary' })),
        fc.nat(),
        (keys, others, seed) => {
          const map = new Map(numbered(keys))
          const table = tableOf(map, seed)
          expect(table.size).toBe(map.size)
          for (const key of [...keys, ...others.filter((other) => other.isWellFormed())]) {
            expect(lookUp(table, key)).toBe(map.get(key) ?? -1)
          }
        },
      ),
    )
  })

  test('tells hostile keys apart and finds none of them when it is empty (D09)', () => {
    const table = tableOf(numbered(HOSTILE_KEYS))
    const empty = tableOf([])
    for (const [index, key] of HOSTILE_KEYS.entries()) {
      expect(lookUp(table, key)).toBe(index)
      expect(lookUp(empty, key)).toBe(-1)
    }
  })

  test.each(HOSTILE_KEYS.map((key) => [JSON.stringify(key), key]))(
    'finds none of the other hostile keys when it holds %s only',
    (_, key) => {
      const table = tableOf([[key, 3]])
      expect(HOSTILE_KEYS.filter((other) => lookUp(table, other) !== -1)).toEqual([key])
    },
  )

  test('holds keys of 256 bytes and knows none that are longer', () => {
    const longest = ['x'.repeat(MAX_ROUTING_KEY_BYTES), 'é'.repeat(MAX_ROUTING_KEY_BYTES / 2)]
    const tooLong = [
      'x'.repeat(MAX_ROUTING_KEY_BYTES + 1),
      `${'é'.repeat(MAX_ROUTING_KEY_BYTES / 2)}x`,
    ]
    const table = tableOf(numbered([...longest, ...tooLong]))
    expect(table.size).toBe(longest.length)
    expect(longest.map((key) => lookUp(table, key))).toEqual([0, 1])
    expect(tooLong.map((key) => lookUp(table, key))).toEqual([-1, -1])
  })

  test('never takes a lone surrogate for the replacement character', () => {
    const table = tableOf([
      [LONE_SURROGATE, 1],
      ['key-\ufffd', 2],
    ])
    expect(lookUp(table, LONE_SURROGATE)).toBe(-1)
    expect(lookUp(table, 'key-\ufffd')).toBe(2)
  })

  test('keeps the whole range of placement indexes', () => {
    const table = tableOf([
      ['first', 0],
      ['last', 0xffff],
    ])
    expect([lookUp(table, 'first'), lookUp(table, 'last')]).toEqual([0, 0xffff])
  })

  test('is the same bytes in whatever order the keys come', () => {
    fc.assert(
      fc.property(distinctKeys, fc.nat(), (keys, seed) => {
        const entries = numbered(keys)
        const bytes = buildRoutingTable(entries, seed)
        expect(buildRoutingTable(entries.toReversed(), seed)).toEqual(bytes)
      }),
    )
  })

  test('orders two keys of one hash by the keys', () => {
    // Found by search: both hash to 0x2246fc52 with seed 0.
    const [one, other] = ['key-901258', 'key-1540052']
    const bytes = buildRoutingTable([
      [one, 1],
      [other, 2],
    ])
    const reversed = buildRoutingTable([
      [other, 2],
      [one, 1],
    ])
    expect(reversed).toEqual(bytes)
    const view = new DataView(bytes.buffer)
    expect(hashesIn(view)).toHaveLength(2)
    expect(new Set(hashesIn(view)).size).toBe(1)
    const table = tableOf([
      [one, 1],
      [other, 2],
    ])
    expect([lookUp(table, one), lookUp(table, other)]).toEqual([1, 2])
  })

  test('opens at any offset of a larger buffer', () => {
    const bytes = buildRoutingTable(numbered(HOSTILE_KEYS))
    for (let offset = 0; offset < 8; offset++) {
      const buffer = new Uint8Array(bytes.length + 16).fill(0xaa)
      buffer.set(bytes, offset)
      const table = openRoutingTable(buffer.subarray(offset, offset + bytes.length))
      expect(table && HOSTILE_KEYS.map((key) => lookUp(table, key))).toEqual(
        HOSTILE_KEYS.map((_, i) => i),
      )
    }
  })

  test('takes less than 27 bytes a key at 12-byte keys, so that a million fit in 48 MB', () => {
    const count = 100_000
    const keys = Array.from(
      { length: count },
      (_, n) => [`key-${n.toString(36).padStart(8, '0')}`, 1] as const,
    )
    expect(buildRoutingTable(keys).byteLength / count).toBeLessThan(27)
  })

  test.each(hashes)('hashes $key with seed $seed to $hash', ({ key, seed, hash }) => {
    const bytes = buildRoutingTable([[key, 0]], seed)
    expect(
      hashesIn(new DataView(bytes.buffer)).map((h) => h.toString(16).padStart(8, '0')),
    ).toEqual([hash])
  })
})

describe('a broken routing table', () => {
  test('does not open when it is cut, or longer than it says', () => {
    const bytes = buildRoutingTable(numbered(HOSTILE_KEYS))
    for (let length = 0; length < bytes.length; length++) {
      expect(openRoutingTable(bytes.subarray(0, length))).toBeNull()
    }
    expect(openRoutingTable(Uint8Array.from([...bytes, 0]))).toBeNull()
  })

  test('does not open without an empty slot', () => {
    expect(openRoutingTable(new Uint8Array(16))).toBeNull()
    const full = new Uint8Array(16 + 8)
    full.set([1, 0, 0, 0, 1])
    expect(openRoutingTable(full)).toBeNull()
  })

  test('ends its search when every slot claims to be taken', () => {
    const bytes = new Uint8Array(16 + 4 * 8).fill(0xff, 16)
    bytes.set([3, 0, 0, 0, 4])
    const table = openRoutingTable(bytes)
    expect(table && lookUp(table, 'acme')).toBe(-1)
  })

  test('ignores an entry that would reach out of bounds', () => {
    const bytes = buildRoutingTable([['acme', 1]])
    const view = new DataView(bytes.buffer)
    const slot = [16, 24].find((at) => view.getUint32(at + 4, true) !== 0) ?? 0
    for (const offset of [1, 5, 8, 0xfffffffe]) {
      view.setUint32(slot + 4, offset + 1, true)
      const table = openRoutingTable(bytes)
      expect(table && lookUp(table, 'acme')).toBe(-1)
    }
  })

  test('never takes a key for another of which it is the beginning', () => {
    const bytes = buildRoutingTable([['acme', 1]])
    const lengthAt = bytes.length - 'acme'.length - 2
    expect(bytes[lengthAt]).toBe(4)
    bytes[lengthAt] = 5
    const table = openRoutingTable(bytes)
    expect(table && lookUp(table, 'acme')).toBe(-1)
  })

  test('answers something or nothing, never throws, whatever its bytes', () => {
    const bytes = buildRoutingTable(numbered(HOSTILE_KEYS))
    const changes = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1 })
    fc.assert(
      fc.property(changes, (pairs) => {
        const broken = Uint8Array.from(bytes)
        for (const [at, value] of pairs) broken[at] = value
        const table = openRoutingTable(broken)
        if (table === null) return
        for (const key of HOSTILE_KEYS) expect(lookUp(table, key)).toBeGreaterThanOrEqual(-1)
      }),
      { numRuns: 1000 },
    )
  })
})

function hashesIn(view: DataView): number[] {
  const slots = Array.from({ length: view.getUint32(4, true) }, (_, slot) => 16 + slot * 8)
  return slots
    .filter((at) => view.getUint32(at + 4, true) !== 0)
    .map((at) => view.getUint32(at, true))
}
