import { afterEach, describe, expect, it, vi } from 'vitest'
import {
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

describe('a cold isolate', () => {
  it('serves the replica and leaves the coordinator alone', async () => {
    const bench = new Bench()
    bench.replica = async () => bytesOf(3)
    expect(await bench.request()).toMatchObject({ source: 'replica', snapshot: { revision: 3 } })
    expect(bench.questions).toEqual([])
  })

  it('asks the coordinator at once when there is no copy nearby', async () => {
    freezeTimers()
    const bench = new Bench()
    bench.serveRevision(2)
    expect(await bench.request()).toMatchObject({
      source: 'coordinator',
      snapshot: { revision: 2 },
    })
    expect(bench.questions).toEqual([{ revision: 0, viewsVersion: 0 }])
  })

  it('asks the coordinator when the replica has not answered for 150 ms, and not before', async () => {
    freezeTimers()
    const bench = new Bench()
    bench.replica = never
    bench.serveRevision(2)
    const answer = bench.request()
    await pass(bench, 149)
    expect(bench.questions).toHaveLength(0)
    await pass(bench, 1)
    expect(bench.questions).toHaveLength(1)
    expect(await answer).toMatchObject({ source: 'coordinator' })
  })

  it('serves a slow replica when the coordinator is slower still, and takes its answer later', async () => {
    freezeTimers()
    const bench = new Bench()
    const replica = Promise.withResolvers<Uint8Array>()
    const coordinator = Promise.withResolvers<void>()
    bench.replica = () => replica.promise
    bench.coordinator = async (request) => {
      await coordinator.promise
      return replyAt(4, request)
    }
    const answer = bench.request()
    await pass(bench, 200)
    replica.resolve(bytesOf(3))
    expect(await answer).toMatchObject({ source: 'replica', snapshot: { revision: 3 } })
    coordinator.resolve()
    await bench.settle()
    expect(bench.warmRequest()).toMatchObject({ source: 'coordinator', snapshot: { revision: 4 } })
  })

  it('D81: serves the bootstrap as revision 0 when the coordinator is down', async () => {
    const bench = new Bench()
    bench.bootstrap = bytesOf(9)
    bench.coordinator = async () => Promise.reject(new Error('down'))
    expect(await bench.request()).toMatchObject({ source: 'bootstrap', snapshot: { revision: 0 } })
  })

  it('D81: serves the bootstrap after 2 s when the coordinator hangs', async () => {
    freezeTimers()
    const bench = new Bench()
    bench.bootstrap = bytesOf(9)
    bench.coordinator = never
    const answer = bench.request()
    await pass(bench, 0)
    await pass(bench, 2_000)
    expect(await answer).toMatchObject({ source: 'bootstrap' })
  })

  it('serves the bootstrap while nothing is published', async () => {
    const bench = new Bench()
    bench.bootstrap = bytesOf(9)
    expect(await bench.request()).toMatchObject({ source: 'bootstrap' })
    expect(bench.events()).toEqual([])
  })

  it('K11: has nothing when there is nothing anywhere, and asks again only when due', async () => {
    const bench = new Bench()
    bench.coordinator = async () => Promise.reject(new Error('down'))
    expect(await bench.request()).toBeUndefined()
    expect(await bench.request()).toBeUndefined()
    expect(bench.questions).toHaveLength(1)
    bench.clock.time += 1_500
    bench.serveRevision(1)
    expect(await bench.request()).toMatchObject({ snapshot: { revision: 1 } })
  })

  it('K12: serves the replica while the coordinator is dead, and the fresh one afterwards', async () => {
    const bench = new Bench()
    bench.replica = async () => bytesOf(3)
    bench.coordinator = async () => Promise.reject(new Error('down'))
    await bench.request()
    expect(await bench.refreshOnce()).toMatchObject({ source: 'replica' })
    bench.serveRevision(4)
    await bench.refreshOnce(60_000)
    expect(bench.warmRequest()).toMatchObject({ source: 'coordinator', snapshot: { revision: 4 } })
  })

  it('F25: loads once for 50 parallel requests and serves them all', async () => {
    const bench = new Bench()
    bench.serveRevision(5)
    const answers = await Promise.all(Array.from({ length: 50 }, () => bench.request()))
    expect(answers.map((held) => held?.snapshot.revision)).toEqual(Array(50).fill(5))
    expect(bench.questions).toHaveLength(1)
    expect(bench.replicaReads).toBe(1)
  })

  it('gives up a load that never settles, and the next request starts another', async () => {
    freezeTimers()
    const bench = new Bench()
    bench.coordinator = never
    loseDeadlines(1)
    const first = bench.request()
    await pass(bench, 5_000)
    expect(await first).toBeUndefined()
    bench.serveRevision(5)
    expect(await bench.request()).toMatchObject({ snapshot: { revision: 5 } })
  })

  it.each([
    ['truncated', (bytes: Uint8Array) => bytes.slice(0, -1)],
    ['digest_mismatch', (bytes: Uint8Array) => flip(bytes, bytes.byteLength - 1)],
    ['unknown_format', (bytes: Uint8Array) => flip(bytes, 8)],
    ['not_a_snapshot', () => new TextEncoder().encode('<html>502</html>')],
  ])('F07: passes over a replica that is %s', async (reason, spoil) => {
    const bench = new Bench()
    bench.replica = async () => spoil(bytesOf(3))
    bench.serveRevision(2)
    expect(await bench.request()).toMatchObject({
      source: 'coordinator',
      snapshot: { revision: 2 },
    })
    expect(bench.lines).toMatchObject([{ event: 'refresh_failed', source: 'replica', reason }])
  })

  it('waits a random part of the first interval before it asks for the first time', async () => {
    const bench = new Bench()
    bench.replica = async () => bytesOf(3)
    bench.clock.dice = 0.5
    await bench.request()
    bench.clock.time += 2_499
    bench.warmRequest()
    expect(bench.questions).toHaveLength(0)
    bench.clock.time += 1
    bench.warmRequest()
    expect(bench.questions).toEqual([{ revision: 3, viewsVersion: 0 }])
  })
})

/** A copy with one byte changed. */
function flip(bytes: Uint8Array, index: number): Uint8Array {
  return bytes.map((byte, at) => (at === index ? byte ^ 0xff : byte))
}
