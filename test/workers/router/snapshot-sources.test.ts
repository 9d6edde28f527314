import { createExecutionContext, reset, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createBreakers } from '../../../workers/router/breakers.ts'
import { createSources } from '../../../workers/router/snapshot-sources.ts'
import { createSnapshotCache, type Held } from '../../../workers/router/snapshots.ts'
import { printDocument } from '../../support/a-document.ts'
import { captureLog, mustPublish } from '../../support/coordinator.ts'

beforeEach(async () => {
  await reset()
  captureLog()
})
afterEach(() => {
  vi.restoreAllMocks()
})

describe('the sources of a deployment', () => {
  it('bring the newest snapshot from the coordinator, and from the colo to the next isolate', async () => {
    await mustPublish(printDocument({ label: 'first' }))
    const calls = vi.spyOn(env.CONFIG, 'getByName')
    const first = await load()
    expect(first).toMatchObject({
      source: 'coordinator',
      snapshot: { revision: 1, label: 'first' },
    })
    expect(calls).toHaveBeenCalledTimes(1)
    expect(await load()).toMatchObject({ source: 'coordinator', snapshot: { revision: 1 } })
    expect(calls).toHaveBeenCalledTimes(1)
  })

  it('follow a publish through refreshNow', async () => {
    const cache = createSnapshotCache(createBreakers())
    await mustPublish(printDocument({ label: 'first' }))
    await load(cache)
    await mustPublish(printDocument({ label: 'second' }))
    const ctx = createExecutionContext()
    await cache.refreshNow(connect, ctx)
    expect(cache.peek()).toMatchObject({ snapshot: { revision: 2, label: 'second' } })
    await waitOnExecutionContext(ctx)
  })
})

const connect = () => createSources(env, { replica: undefined, bootstrap: undefined })

async function load(cache = createSnapshotCache(createBreakers())): Promise<Held | undefined> {
  const ctx = createExecutionContext()
  const held = await cache.current(connect, ctx)
  await waitOnExecutionContext(ctx)
  return held
}
