import { describe, expect, test } from 'vitest'
import type { KeySource, SnapshotMeta } from '../../../shared/config/snapshot.ts'
import { isSnapshotMeta } from '../../../shared/config/snapshot-shape.ts'
import { aConfig, aPlacement } from '../../support/a-config.ts'
import { aSnapshot } from '../../support/a-snapshot.ts'

const routingKey: KeySource[] = [
  { kind: 'header', name: 'x-routing-key' },
  { kind: 'query', name: 'tenant' },
  { kind: 'cookie', name: 'tenant' },
  { kind: 'host', pattern: ':key.example.com', suffix: '.example.com' },
  { kind: 'path', pattern: '/t/:key/*', segments: ['t', null], rest: true },
]

const everything = aConfig({
  routingKey,
  routingTable: [],
  defaultPlacement: 'b',
  placements: {
    a: aPlacement({
      endpoints: [
        { kind: 'url', base: 'https://cell.example', weight: 0.5 },
        { kind: 'service', binding: 'CELL', weight: 0 },
        { kind: 'dispatch', binding: 'CELLS', script: '{key}', weight: 2 },
      ],
      fallback: ['b'],
      healthCheck: { path: '/health', intervalMs: 10_000, timeoutMs: 2_000, rise: 2, fall: 3 },
      concurrencyLimit: 100,
      maxRequestBodyBytes: 1_048_576,
      timeouts: { headersMs: 10_000, idleMs: 1, totalMs: 2 },
    }),
    b: aPlacement({ kind: 'tier' }),
  },
})

function metaOf(): SnapshotMeta {
  const { table, digest, byteLength, ...meta } = aSnapshot(everything)
  return JSON.parse(JSON.stringify(meta)) as SnapshotMeta
}

type Tree = Record<string, unknown>

/** Every place in the tree as the path of names that leads there. */
function pathsIn(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) => {
    const here = [...path, name]
    return [here, ...pathsIn(inner, here)]
  })
}

function changed(path: readonly string[], change: (parent: Tree, name: string) => void): unknown {
  // On purpose without its type: each member becomes what it must not be.
  const root = metaOf() as unknown as Tree
  const parents = path.slice(0, -1)
  const parent = parents.reduce((tree, name) => tree[name] as Tree, root)
  change(parent, path.at(-1) ?? '')
  return root
}

const PATHS = pathsIn(metaOf()).map((path) => [path.join('/'), path] as const)

describe('the meta of a snapshot', () => {
  test('has the right shape when it was compiled', () => {
    expect(isSnapshotMeta(metaOf())).toBe(true)
    expect(PATHS.length).toBeGreaterThan(50)
  })

  test.each([null, 7, 'text', [], {}])('is not %j', (value) => {
    expect(isSnapshotMeta(value)).toBe(false)
  })

  test.each(PATHS)('is refused when %s is something else', (_, path) => {
    const other = changed(path, (parent, name) => {
      parent[name] = () => 0
    })
    expect(isSnapshotMeta(other)).toBe(false)
  })

  test.each(PATHS)('is refused when %s is a negative number', (_, path) => {
    const negative = changed(path, (parent, name) => {
      parent[name] = -1
    })
    expect(isSnapshotMeta(negative)).toBe(false)
  })

  const fields = PATHS.filter(([, path]) => Number.isNaN(Number(path.at(-1))))
  test.each(fields)('is refused without %s', (_, path) => {
    expect(isSnapshotMeta(changed(path, (parent, name) => delete parent[name]))).toBe(false)
  })

  test.each([
    ['the default placement', ['defaultPlacement']],
    ['a fallback', ['placements', '0', 'fallback', '0']],
  ])('is refused when %s is the index of no placement', (_, path) => {
    const beyond = changed(path, (parent, name) => {
      parent[name] = 2
    })
    expect(isSnapshotMeta(beyond)).toBe(false)
  })
})
