import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  aWarmBench,
  Bench,
  bytesOf,
  freezeTimers,
  loseDeadlines,
  never,
  pass,
  replyAt,
} from './snapshot-bench.ts'

afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

describe('a warm isolate', () => {
  it('serves from memory without touching a source', async () => {
    const bench = await aWarmBench()
    const connect = vi.fn(bench.connect)
    const held = bench.warmRequest()
    bench.clock.time += 4_999
    expect(bench.cache.current(connect, bench.context)).toBe(held)
    expect(connect).not.toHaveBeenCalled()
  })

  it('C10: refreshes behind the first request after the interval, once', async () => {
    const bench = await aWarmBench(1)
    bench.serveRevision(2)
    bench.clock.time += 5_000
    expect(bench.warmRequest().snapshot.revision).toBe(1)
    expect(bench.warmRequest().snapshot.revision).toBe(1)
    await bench.settle()
    expect(bench.warmRequest()).toMatchObject({
      snapshot: { revision: 2 },
      loadedAt: bench.clock.time,
    })
    expect(bench.questions).toEqual([{ revision: 1, viewsVersion: 0, waitedMs: 5_000 }])
  })

  it('turns a replica into the real thing when the coordinator confirms its revision', async () => {
    const bench = new Bench()
    bench.replica = async () => bytesOf(3)
    await bench.request()
    const loadedAt = bench.cache.peek()?.loadedAt
    bench.serveRevision(3)
    await bench.refreshOnce()
    expect(bench.warmRequest()).toMatchObject({ source: 'coordinator', loadedAt })
  })

  it('waits for the refresh after a sleep, and has the new revision', async () => {
    const bench = await aWarmBench(1)
    bench.serveRevision(2)
    bench.clock.time += 30_000
    expect(await bench.request()).toMatchObject({ snapshot: { revision: 2 } })
  })

  it('waits no longer than 100 ms after a sleep, and once only', async () => {
    freezeTimers()
    const bench = await aWarmBench(1)
    bench.coordinator = never
    bench.clock.time += 30_000
    const answer = bench.request()
    const settled = vi.fn()
    void Promise.resolve(answer).then(settled)
    await pass(bench, 99)
    expect(settled).not.toHaveBeenCalled()
    await pass(bench, 1)
    expect(await answer).toMatchObject({ snapshot: { revision: 1 } })
    expect(bench.warmRequest().snapshot.revision).toBe(1)
    await pass(bench, 2_000)
    bench.clock.time += 60_000
    expect(bench.warmRequest().snapshot.revision).toBe(1)
  })

  it('replaces a refresh that never settles, but not before its own deadlines would strike', async () => {
    freezeTimers()
    const bench = await aWarmBench(1)
    bench.coordinator = never
    loseDeadlines(1)
    bench.clock.time += 5_000
    bench.warmRequest()
    bench.serveRevision(2)
    await pass(bench, 8_000)
    bench.warmRequest()
    expect(bench.questions).toHaveLength(1)
    await pass(bench, 1)
    bench.warmRequest()
    expect(bench.questions).toHaveLength(2)
    await vi.waitUntil(() => bench.cache.peek()?.snapshot.revision === 2)
  })

  it('holds a new revision right after refreshNow, whatever its interval', async () => {
    const bench = await aWarmBench(1)
    bench.serveRevision(2)
    await bench.refreshNow()
    expect(bench.warmRequest().snapshot.revision).toBe(2)
  })

  it('C09: never goes back when an older answer comes in after a newer one', async () => {
    const bench = await aWarmBench(1)
    const slow = Promise.withResolvers<void>()
    bench.coordinator = async (request) => {
      const reply = replyAt(2, request)
      await slow.promise
      return reply
    }
    const late = bench.refreshNow()
    bench.serveRevision(3)
    await bench.refreshNow()
    slow.resolve()
    await late
    expect(bench.warmRequest().snapshot.revision).toBe(3)
    expect(bench.events()).toEqual([])
  })
})
