import { describe, expect, it } from 'vitest'
import { listCandidates } from '../../../shared/routing/failover.ts'
import { hashRoutingKey } from '../../../shared/routing/key-hash.ts'
import { aConfig, aPlacement } from '../../support/a-config.ts'
import { aSnapshot } from '../../support/a-snapshot.ts'

describe('who may answer', () => {
  const snapshot = aSnapshot(
    aConfig({
      routingTable: [],
      defaultPlacement: 'd',
      placements: {
        a: aPlacement({ fallback: ['b', 'c'] }),
        b: aPlacement({ fallback: ['c'], whenOpen: 'default' }),
        c: aPlacement(),
        d: aPlacement({ whenOpen: 'default' }),
        e: aPlacement({ fallback: ['d', 'b'], whenOpen: 'default' }),
      },
    }),
  )
  const listFor = (name: string, isDown = false) => {
    const decided = snapshot.placements.find((one) => one.name === name)
    return decided && listCandidates(snapshot, decided, isDown).map((one) => one.name)
  }

  it.each([
    ['a', ['a', 'b', 'c']],
    ['b', ['b', 'c', 'd']],
    ['c', ['c']],
    ['d', ['d']],
    ['e', ['e', 'd', 'b']],
  ])(
    '%s: itself, its fallbacks, and the default placement where that remains',
    (name, expected) => {
      expect(listFor(name)).toEqual(expected)
    },
  )

  it('the default placement is what remains of one that is unhealthy or drained', () => {
    expect(listFor('a', true)).toEqual(['a', 'b', 'c', 'd'])
    expect(listFor('c', true)).toEqual(['c', 'd'])
    expect(listFor('d', true)).toEqual(['d'])
  })
})

describe('the hash of a routing key', () => {
  it('spreads keys evenly, and is the same for ever', () => {
    const buckets = new Array<number>(16).fill(0)
    for (let i = 0; i < 16_000; i++) {
      const index = hashRoutingKey(`tenant-${i}`) >>> 28
      buckets[index] = (buckets[index] ?? 0) + 1
    }
    const chi = buckets.reduce((sum, count) => sum + (count - 1_000) ** 2 / 1_000, 0)
    expect(chi).toBeLessThan(37.7) // 15 degrees of freedom, one in a thousand
    expect([hashRoutingKey(''), hashRoutingKey('acme')]).toEqual([2_872_998_923, 2_019_603_394])
  })
})
