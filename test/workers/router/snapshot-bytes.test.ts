import { describe, expect, it } from 'vitest'
import { verifySnapshot } from '../../../workers/router/snapshot-bytes.ts'
import { aConfig } from '../../support/a-config.ts'
import { compiled } from '../../support/a-snapshot.ts'

describe('checking a snapshot', () => {
  it('lets other work of the isolate have a turn between two blocks of 256 KiB', async () => {
    const routingTable = Array.from({ length: 60_000 }, (_, i) => [`key-${i}`, 'visa'] as const)
    const bytes = compiled(aConfig({ routingTable }))
    let isChecked = false
    let turns = 0
    const checked = verifySnapshot(bytes).finally(() => {
      isChecked = true
    })
    while (!isChecked) {
      await scheduler.wait(0)
      turns += 1
    }
    expect((await checked).snapshot.table.size).toBe(60_000)
    expect(turns).toBeGreaterThanOrEqual(Math.floor(bytes.byteLength / (256 * 1024)))
  })
})
