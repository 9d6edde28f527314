import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  openSnapshot,
  packSnapshot,
  readDigest,
  readPayload,
  SNAPSHOT_FORMAT,
} from '../../../shared/config/snapshot.ts'
import { decide } from '../../../shared/routing/decide.ts'
import { aConfig, aPlacement } from '../../support/a-config.ts'
import { compiled, opened, sha256 } from '../../support/a-snapshot.ts'
import { HOSTILE_KEYS } from '../../support/keys.ts'

const GOLDEN = join(import.meta.dirname, '../../golden/snapshot-1.hex')

const tiny = aConfig({
  label: 'tiny',
  routingTable: [
    ['acme', 'tier'],
    ['café', 'visa'],
  ],
  defaultPlacement: 'tier',
  placements: { visa: aPlacement({ fallback: ['tier'] }), tier: aPlacement({ kind: 'tier' }) },
})
const bytes = compiled(tiny)
const hasTrueDigest = (some: Uint8Array) =>
  readDigest(some) === Buffer.from(sha256(readPayload(some))).toString('hex')

const reasonOf = (some: Uint8Array) => {
  const result = openSnapshot(some)
  return result.ok ? 'opened' : result.error.reason
}

function broken(...changes: readonly (readonly [at: number, value: number])[]): Uint8Array {
  const copy = Uint8Array.from(bytes)
  for (const [at, value] of changes) copy[at] = value
  return copy
}

describe('a snapshot', () => {
  test('is the golden bytes of its format; other bytes need another format number', () => {
    const golden = readFileSync(GOLDEN, 'utf8').replaceAll('\n', '')
    expect(SNAPSHOT_FORMAT).toBe(1)
    expect(Buffer.from(bytes).toString('hex')).toBe(golden)
  })

  test('carries the digest of its payload', () => {
    expect(hasTrueDigest(bytes)).toBe(true)
    expect(opened(bytes).digest).toBe(readDigest(bytes))
    expect(readPayload(bytes).buffer).toBe(bytes.buffer)
  })

  test('opens at any offset of a larger buffer', () => {
    for (let offset = 0; offset < 8; offset++) {
      const buffer = new Uint8Array(bytes.length + 16).fill(0xaa)
      buffer.set(bytes, offset)
      const snapshot = opened(buffer.subarray(offset, offset + bytes.length))
      expect(snapshot.label).toBe('tiny')
      expect(decide(snapshot, 'café').placement.name).toBe('visa')
    }
  })

  test('holds its table at a multiple of 8 bytes', () => {
    for (const label of ['', 'a', 'ab', 'abc', 'abcd', 'abcde', 'abcdef', 'abcdefg']) {
      const snapshot = opened(compiled({ ...tiny, label }))
      expect(snapshot.table.slots.byteOffset % 8).toBe(0)
    }
  })
})

describe('bytes that are not a snapshot', () => {
  test('are told apart: cut, foreign, of another format, inconsistent (C21, C22)', () => {
    expect(reasonOf(new Uint8Array())).toBe('truncated')
    expect(reasonOf(bytes.subarray(0, 4))).toBe('truncated')
    expect(reasonOf(bytes.subarray(0, -1))).toBe('truncated')
    expect(reasonOf(new TextEncoder().encode('<html>'))).toBe('not_a_snapshot')
    expect(reasonOf(broken([0, 0]))).toBe('not_a_snapshot')
    expect(openSnapshot(broken([8, 2]))).toEqual({
      ok: false,
      error: { reason: 'unknown_format', format: 2 },
    })
    expect(openSnapshot(Uint8Array.from([...bytes, 0]))).toEqual({
      ok: false,
      error: { reason: 'corrupt', detail: 'length' },
    })
  })

  test('never open when they are cut anywhere', () => {
    for (let length = 0; length < bytes.length; length++) {
      expect(reasonOf(bytes.subarray(0, length))).toBe('truncated')
    }
  })

  test('are found out by the structure or by the digest, whichever bit flips (C21)', () => {
    for (let at = 0; at < bytes.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const flipped = broken([at, (bytes[at] ?? 0) ^ (1 << bit)])
        expect(openSnapshot(flipped).ok && hasTrueDigest(flipped), `byte ${at}`).toBe(false)
      }
    }
  })

  test('never make a decision throw or hang, even if nobody compares the digest', () => {
    const change = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255))
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
        const result = openSnapshot(broken(...changes))
        if (!result.ok) return
        for (const key of HOSTILE_KEYS) {
          const { placement } = decide(result.value, key)
          expect(result.value.placements).toContain(placement)
        }
      }),
      { numRuns: 3000 },
    )
  })

  test('are refused when the meta is not JSON, not UTF-8, or the table does not fit', () => {
    const table = new Uint8Array(24)
    table[4] = 1
    const { digest, byteLength, table: _, ...meta } = opened(bytes)
    const text = JSON.stringify(meta)
    const detailOf = (packed: Uint8Array) => {
      const result = openSnapshot(packed)
      return result.ok ? 'opened' : result.error
    }
    const refusal = (detail: string) => ({ reason: 'corrupt', detail })
    expect(detailOf(packSnapshot(text, table))).toBe('opened')
    expect(detailOf(packSnapshot(`${text}}`, table))).toEqual(refusal('meta'))
    expect(detailOf(packSnapshot('['.repeat(100_000), table))).toEqual(refusal('meta'))
    expect(detailOf(packSnapshot(text, table.subarray(8)))).toEqual(refusal('routing table'))
    const notUtf8 = packSnapshot(text, table)
    notUtf8[Buffer.from(notUtf8).indexOf('tiny')] = 0xff
    expect(detailOf(notUtf8)).toEqual(refusal('meta'))
  })
})
