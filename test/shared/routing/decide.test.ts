import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Config } from '../../../shared/config/config.ts'
import { decide } from '../../../shared/routing/decide.ts'
import { aConfig, aPlacement } from '../../support/a-config.ts'
import { aSnapshot, STAMP } from '../../support/a-snapshot.ts'
import { distinctKeys, HOSTILE_KEYS } from '../../support/keys.ts'

const summarise = (config: Config, key: string) => {
  const { placement, reason } = decide(aSnapshot(config), key)
  return { name: placement.name, reason }
}

/** The config as a person reads it: look into the table, else take the default. */
function readNaively(config: Config, key: string) {
  const name = config.routingTable.get(key)
  if (name === undefined) return { name: config.defaultPlacement, reason: 'default' }
  return { name, reason: config.placements.get(name)?.kind }
}

const randomConfig = fc
  .record({
    names: fc.uniqueArray(fc.string({ minLength: 1, maxLength: 8 }), {
      minLength: 1,
      maxLength: 6,
    }),
    tiers: fc.infiniteStream(fc.boolean()),
    keys: distinctKeys,
    picks: fc.infiniteStream(fc.nat()),
  })
  .map(({ names, tiers, keys, picks }) => {
    const pick = () => names[picks.next().value % names.length] ?? ''
    return {
      ...aConfig({
        routingTable: keys.map((key) => [key, pick()] as const),
        defaultPlacement: pick(),
      }),
      placements: new Map(
        names.map((name) => [
          name,
          aPlacement({ kind: tiers.next().value ? 'tier' : 'dedicated' }),
        ]),
      ),
    }
  })

describe('a decision', () => {
  test.each([
    ['visa', 'visa', 'dedicated', 'D01'],
    ['acme', 'tier1', 'tier', 'D02'],
    ['globex', 'tier2', 'tier', 'D03'],
    ['initech', 'tier3', 'tier', 'D04'],
    ['unknown-customer', 'tier3', 'default', 'D05'],
    ['VISA', 'tier3', 'default', 'D08'],
    ['__proto__', 'tier3', 'default', 'D09'],
    ['constructor', 'tier3', 'default', 'D09'],
    ['toString', 'tier3', 'default', 'D09'],
  ])('sends %s to %s because it is %s (%s)', (key, name, reason) => {
    expect(summarise(aConfig(), key)).toEqual({ name, reason })
  })

  test('names the revision that made it', () => {
    expect(decide(aSnapshot(aConfig()), 'visa').revision).toBe(STAMP.revision)
  })

  test('is what a naive reading of the config says, for every key', () => {
    fc.assert(
      fc.property(randomConfig, distinctKeys, (config, others) => {
        const snapshot = aSnapshot(config)
        for (const key of [...config.routingTable.keys(), ...others, ...HOSTILE_KEYS]) {
          const { placement, reason } = decide(snapshot, key)
          expect({ name: placement.name, reason }).toEqual(readNaively(config, key))
        }
      }),
    )
  })

  test('takes the default for a table entry that points to no placement', () => {
    const snapshot = aSnapshot(aConfig())
    const few = { ...snapshot, placements: snapshot.placements.slice(0, 3), defaultPlacement: 0 }
    expect(decide(few, 'visa')).toMatchObject({ placement: few.placements[0], reason: 'default' })
  })

  test('throws on a snapshot whose default does not exist, which never opens', () => {
    expect(() => decide({ ...aSnapshot(aConfig()), placements: [] }, 'visa')).toThrow(RangeError)
  })
})
