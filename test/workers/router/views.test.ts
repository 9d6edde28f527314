import { afterEach, describe, expect, it, vi } from 'vitest'
import type { BreakerView } from '../../../shared/breaker/view.ts'
import type { Views } from '../../../shared/rpc/breaker.ts'
import { openColoCache } from '../../../workers/router/colo-cache.ts'
import { aWarmBench, Bench, replyAt } from './snapshot-bench.ts'

const OPEN: BreakerView = {
  epoch: 1,
  version: 2,
  generation: 2,
  phase: 'open',
  isForced: false,
  leftMs: 30_000,
  rampedMs: 0,
  isDraining: false,
  unhealthy: [],
}
const views: Views = [{ placement: 'a', view: { ...OPEN, ageMs: 100 } }]

afterEach(() => {
  vi.restoreAllMocks()
})

describe('views that come with a refresh', () => {
  it('are applied, and their version is named in the next question', async () => {
    const bench = await aWarmBench(1)
    bench.coordinator = async (request) => ({ ...replyAt(1, request), viewsVersion: 7, views })
    await bench.refreshOnce()
    expect(bench.told).toEqual([views])
    await bench.refreshOnce()
    expect(bench.questions.map(({ viewsVersion }) => viewsVersion)).toEqual([0, 7])
  })

  it('are nothing to go by when the answer has none', async () => {
    const bench = await aWarmBench(1)
    await bench.refreshOnce()
    expect(bench.told).toEqual([])
  })

  it('of no shape make the whole answer one to do without', async () => {
    const bench = await aWarmBench(1)
    bench.coordinator = async (request) => ({
      ...replyAt(1, request),
      views: [{ placement: 'a', view: { ...views[0]?.view, phase: 'ajar' } }] as never,
    })
    await bench.refreshOnce()
    expect([bench.told, bench.events()]).toEqual([[], ['refresh_failed malformed_reply']])
  })
})

describe('views in the cache of a colo', () => {
  let colos = 0

  async function start(salt: string): Promise<Bench> {
    const bench = new Bench()
    bench.coloCache = openColoCache(salt)
    bench.coordinator = async (request) => ({ ...replyAt(1, request), viewsVersion: 7, views })
    bench.views = views
    await bench.request()
    await bench.settle()
    return bench
  }

  it('reach the neighbours without a question, older by as long as they lay there', async () => {
    const salt = `views-${Date.now()}-${colos++}`
    await start(salt)
    const neighbour = new Bench()
    neighbour.coloCache = openColoCache(salt)
    neighbour.clock.time += 2_000
    await neighbour.request()
    await neighbour.settle()
    expect(neighbour.questions).toEqual([])
    expect(neighbour.told).toEqual([[{ placement: 'a', view: { ...OPEN, ageMs: 2_100 } }]])
  })

  it('of a neighbour that failed to ask are nobody’s', async () => {
    const salt = `views-${Date.now()}-${colos++}`
    const first = await start(salt)
    first.coordinator = async () => {
      throw new Error('away')
    }
    await first.refreshOnce()
    const neighbour = new Bench()
    neighbour.coloCache = openColoCache(salt)
    neighbour.clock.time = first.clock.time
    await neighbour.request()
    await neighbour.settle()
    expect(neighbour.told).toEqual([])
  })
})
