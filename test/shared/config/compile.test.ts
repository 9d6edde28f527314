import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compileSnapshot, MAX_SNAPSHOT_BYTES } from '../../../shared/config/compile.ts'
import type { Config } from '../../../shared/config/config.ts'
import { aConfig, aPlacement } from '../../support/a-config.ts'
import { compiled, opened, STAMP, sha256 } from '../../support/a-snapshot.ts'
import { distinctKeys } from '../../support/keys.ts'

describe('compiling a config', () => {
  test('keeps every setting, orders placements by name and turns names into indexes', () => {
    const tier = aPlacement({ kind: 'tier', fallback: ['zeta', 'alpha'] })
    const placements = { mid: tier, zeta: aPlacement(), alpha: aPlacement({ concurrencyLimit: 3 }) }
    const config = aConfig({
      label: 'Größe',
      placements,
      routingTable: [],
      defaultPlacement: 'mid',
    })
    const { table, digest, byteLength, ...meta } = opened(compiled(config))
    expect(meta).toEqual({
      ...STAMP,
      label: 'Größe',
      routingKey: config.routingKey,
      escapedSlashes: 'keep',
      trustForwarded: true,
      defaultPlacement: 1,
      placements: [
        { ...placements.alpha, name: 'alpha' },
        { ...tier, name: 'mid', fallback: [2, 0] },
        { ...placements.zeta, name: 'zeta' },
      ],
    })
    expect(table.size).toBe(0)
    expect(digest).toMatch(/^[0-9a-f]{64}$/)
    expect(byteLength).toBe(compiled(config).byteLength)
  })

  test('gives equal bytes whatever the order of keys, placements and fields', () => {
    fc.assert(
      fc.property(distinctKeys, (keys) => {
        const config = aConfig({ routingTable: keys.map((key) => [key, 'visa'] as const) })
        expect(compiled(reversed(config))).toEqual(compiled(config))
      }),
      { numRuns: 30 },
    )
  })

  test.each([
    ['revision', aConfig(), { ...STAMP, revision: 8 }],
    ['time of publishing', aConfig(), { ...STAMP, publishedAt: '2026-11-20T12:00:01Z' }],
    ['label', aConfig({ label: 'other' }), STAMP],
    ['default placement', aConfig({ defaultPlacement: 'visa' }), STAMP],
    ['routing table', aConfig({ routingTable: [['acme', 'tier1']] }), STAMP],
    ['order of fallbacks', aConfig({ placements: withFallback('tier2', 'tier3') }), STAMP],
    ['order of fallbacks again', aConfig({ placements: withFallback('tier3', 'tier2') }), STAMP],
  ])('gives other bytes for another %s', (_, config, stamp) => {
    expect(compiled(config, stamp)).not.toEqual(compiled())
  })

  test('refuses what would be larger than 16 MiB and says how large', () => {
    const result = compileSnapshot(
      aConfig({ label: 'x'.repeat(MAX_SNAPSHOT_BYTES) }),
      STAMP,
      sha256,
    )
    const byteLength = expect.any(Number)
    expect(result).toEqual({ ok: false, error: { code: 'too_large', byteLength } })
    expect(!result.ok && result.error.byteLength).toBeGreaterThan(MAX_SNAPSHOT_BYTES)
  })

  test('accepts exactly 16 MiB', () => {
    const labelled = (label: string) => aConfig({ label, routingTable: [] })
    const label = 'x'.repeat(MAX_SNAPSHOT_BYTES - compiled(labelled('')).byteLength)
    expect(compiled(labelled(label)).byteLength).toBe(MAX_SNAPSHOT_BYTES)
    expect(compileSnapshot(labelled(`${label}12345678`), STAMP, sha256).ok).toBe(false)
  })

  test.each([
    ['routing table', aConfig({ routingTable: [['acme', 'nowhere']] })],
    ['default', aConfig({ defaultPlacement: 'nowhere' })],
    ['fallback', aConfig({ placements: withFallback('nowhere') })],
  ])('throws when the %s names no placement, which no checked config does', (_, config) => {
    expect(() => compiled(config)).toThrow('unknown placement "nowhere"')
  })
})

function withFallback(...fallback: string[]) {
  const [tier2, tier3, visa] = [aPlacement(), aPlacement(), aPlacement()]
  return { tier1: aPlacement({ fallback }), tier2, tier3, visa }
}

/** The same config with everything the other way round, except what is an ordered list. */
function reversed(config: Config): Config {
  return {
    ...(reverseFields(config) as Config),
    routingTable: new Map([...config.routingTable].toReversed()),
    placements: new Map(
      [...config.placements]
        .toReversed()
        .map(([name, placement]) => [name, reverseFields(placement) as typeof placement]),
    ),
  }
}

function reverseFields(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reverseFields)
  if (typeof value !== 'object' || value === null) return value
  const fields = Object.entries(value).toReversed()
  return Object.fromEntries(fields.map(([name, field]) => [name, reverseFields(field)]))
}
