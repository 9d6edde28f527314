import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Config } from '../../../shared/config/config.ts'
import { diffConfigs } from '../../../shared/config/diff.ts'
import { aConfig, aPlacement } from '../../support/a-config.ts'
import { configOf, readText } from '../../support/documents.ts'

const NOTHING = {
  routingTable: { added: [], removed: [], changed: [] },
  placements: { added: [], removed: [], changed: [] },
}

const tables = fc.dictionary(
  fc.string({ maxLength: 4 }),
  fc.constantFrom('tier1', 'tier2', 'tier3'),
)
const configs: fc.Arbitrary<Config> = fc
  .record({
    routingTable: tables,
    limits: fc.dictionary(fc.constantFrom('tier1', 'tier2', 'tier3'), fc.nat(3)),
    defaultPlacement: fc.constantFrom('tier1', 'tier2'),
    trustForwarded: fc.boolean(),
  })
  .map(({ routingTable, limits, ...settings }) =>
    aConfig({
      ...settings,
      routingTable: Object.entries(routingTable),
      placements: Object.fromEntries(
        Object.entries(limits).map(([name, concurrencyLimit]) => [
          name,
          aPlacement({ concurrencyLimit }),
        ]),
      ),
    }),
  )

/** What the routing table becomes when a diff is applied to it. */
const applyTo = (table: Config['routingTable'], diff: ReturnType<typeof diffConfigs>) => {
  const result = new Map(table)
  for (const { key } of diff.routingTable.removed) result.delete(key)
  for (const { key, to } of [...diff.routingTable.added, ...diff.routingTable.changed])
    result.set(key, to)
  return result
}

const sorted = (table: Iterable<readonly [string, string]>) =>
  [...table].sort(([a], [b]) => (a < b ? -1 : 1))

describe('the difference of two configs', () => {
  test('is nothing between a config and itself, whatever the order it is written in', () => {
    fc.assert(
      fc.property(configs, (config) => {
        const reordered = {
          ...config,
          routingTable: new Map([...config.routingTable].reverse()),
          placements: new Map([...config.placements].reverse()),
        }
        expect(diffConfigs(config, config)).toEqual(NOTHING)
        expect(diffConfigs(config, reordered)).toEqual(NOTHING)
      }),
    )
  })

  test('turns one routing table into the other, and backwards it is the opposite', () => {
    fc.assert(
      fc.property(configs, configs, (a, b) => {
        const forth = diffConfigs(a, b)
        const back = diffConfigs(b, a)
        expect(sorted(applyTo(a.routingTable, forth))).toEqual(sorted(b.routingTable))
        expect(forth.routingTable.added.map(({ key }) => key)).toEqual(
          back.routingTable.removed.map(({ key }) => key),
        )
        expect(forth.placements.added).toEqual(back.placements.removed)
        expect(forth.placements.changed).toHaveLength(back.placements.changed.length)
      }),
    )
  })

  test('says that everything is added when nothing was published before', () => {
    expect(
      diffConfigs(
        null,
        aConfig({
          routingTable: [
            ['b', 'visa'],
            ['B', 'visa'],
            ['a', 'tier1'],
          ],
        }),
      ),
    ).toEqual({
      routingTable: {
        added: [
          { key: 'B', to: 'visa' },
          { key: 'a', to: 'tier1' },
          { key: 'b', to: 'visa' },
        ],
        removed: [],
        changed: [],
      },
      placements: { added: ['tier1', 'tier2', 'tier3', 'visa'], removed: [], changed: [] },
    })
  })

  test('names what was added, removed and changed, sorted', () => {
    const from = aConfig({
      routingTable: [
        ['b', 'x'],
        ['a', 'x'],
        ['gone', 'x'],
      ],
      placements: { x: aPlacement(), old: aPlacement() },
      defaultPlacement: 'x',
    })
    const to = aConfig({
      routingTable: [
        ['b', 'new'],
        ['new', 'x'],
        ['a', 'new'],
      ],
      placements: { new: aPlacement(), x: aPlacement() },
      defaultPlacement: 'new',
      label: 'not a change of what is routed',
    })
    expect(diffConfigs(from, to)).toEqual({
      routingTable: {
        added: [{ key: 'new', to: 'x' }],
        removed: [{ key: 'gone', from: 'x' }],
        changed: [
          { key: 'a', from: 'x', to: 'new' },
          { key: 'b', from: 'x', to: 'new' },
        ],
      },
      placements: { added: ['new'], removed: ['old'], changed: [] },
      defaultPlacement: { from: 'x', to: 'new' },
    })
  })

  test('speaks of placements in the words of a document', () => {
    const before = aPlacement({
      healthCheck: null,
      endpoints: [{ kind: 'url', base: 'https://a.example', weight: 1 }],
    })
    const after = aPlacement({
      circuitBreaker: { ...before.circuitBreaker, openForMs: 60_000, window: null },
      healthCheck: { path: '/health', intervalMs: 10_000, timeoutMs: 500, rise: 2, fall: 3 },
      endpoints: [
        { kind: 'service', binding: 'CELL_VISA', weight: 2 },
        { kind: 'dispatch', binding: 'CELLS', script: '{key}', weight: 1 },
      ],
      fallback: ['tier3'],
      concurrencyLimit: 5,
      timeouts: { headersMs: 10_000, idleMs: 60_000, totalMs: 3_600_000 },
    })
    const { placements } = diffConfigs(
      aConfig({ placements: { z: before, a: before } }),
      aConfig({ placements: { z: aPlacement({ ...before, kind: 'tier' }), a: after } }),
    )
    expect(placements.changed).toEqual([
      {
        name: 'a',
        pointer: '/endpoints',
        from: [{ url: 'https://a.example', weight: 1 }],
        to: [
          { service: 'CELL_VISA', weight: 2 },
          { dispatch: 'CELLS', script: '{key}', weight: 1 },
        ],
      },
      { name: 'a', pointer: '/fallback', from: [], to: ['tier3'] },
      { name: 'a', pointer: '/circuitBreaker/openFor', from: '30s', to: '1m' },
      {
        name: 'a',
        pointer: '/circuitBreaker/window',
        from: { duration: '20s', minimumRequests: 20, failureRate: 0.5 },
        to: null,
      },
      {
        name: 'a',
        pointer: '/healthCheck',
        from: null,
        to: { path: '/health', interval: '10s', timeout: '500ms', rise: 2, fall: 3 },
      },
      { name: 'a', pointer: '/concurrencyLimit', from: null, to: 5 },
      { name: 'a', pointer: '/timeouts/idle', from: null, to: '1m' },
      { name: 'a', pointer: '/timeouts/total', from: null, to: '1h' },
      { name: 'z', pointer: '/kind', from: 'dedicated', to: 'tier' },
    ])
  })

  test('covers the settings beside the tables', () => {
    const from = aConfig()
    const to = aConfig({
      escapedSlashes: 'reject',
      trustForwarded: false,
      routingKey: [
        { kind: 'cookie', name: 'tenant' },
        { kind: 'host', pattern: ':key.example.com', suffix: '.example.com' },
      ],
    })
    expect(diffConfigs(from, to).settings).toEqual([
      {
        pointer: '/routingKey',
        from: [{ header: 'x-routing-key' }],
        to: [{ cookie: 'tenant' }, { host: ':key.example.com' }],
      },
      { pointer: '/escapedSlashes', from: 'keep', to: 'reject' },
      { pointer: '/trustForwarded', from: true, to: false },
    ])
  })

  test('is nothing between two formats of the same document (D84)', () => {
    const readGolden = (name: string) => configOf(readText(`test/golden/configs/${name}.json`))
    expect(diffConfigs(readGolden('baseline-placements'), readGolden('schema-1'))).toEqual(NOTHING)
  })
})
