import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { accepted, readText } from '../../support/documents.ts'

const names = readdirSync(join(import.meta.dirname, '../../../examples')).filter((name) =>
  name.endsWith('.json'),
)

describe('examples/', () => {
  test.each(names)('%s is accepted without a warning', (name) => {
    expect(accepted(readText(`examples/${name}`)).warnings).toEqual([])
  })

  test('demo.json routes as the demo of the baseline does', () => {
    const { config } = accepted(readText('examples/demo.json'))
    const baseline = accepted(readText('test/golden/configs/baseline-placements.json')).config
    expect(config).toMatchObject({ label: 'demo', defaultPlacement: 'tier3' })
    expect(config.routingTable).toEqual(baseline.routingTable)
    for (const [name, placement] of baseline.placements) {
      expect(config.placements.get(name)).toMatchObject({
        kind: placement.kind,
        endpoints: [{ kind: 'service', binding: `CELL_${name.toUpperCase()}`, weight: 1 }],
        concurrencyLimit: placement.concurrencyLimit,
        maxRequestBodyBytes: placement.maxRequestBodyBytes,
      })
    }
  })
})
