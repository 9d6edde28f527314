import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Head } from '../../../shared/config/refresh-head.ts'
import { openColoCache } from '../../../workers/router/colo-cache.ts'
import { Bench, bytesOf, never, replyAt } from './snapshot-bench.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

let colos = 0

/** Isolates of one colo share its cache; each test has a colo of its own. */
function aColo() {
  const salt = `colo-${Date.now()}-${colos++}`
  return {
    salt,
    isolate(revision: number): Bench {
      const bench = new Bench()
      bench.coloCache = openColoCache(salt)
      bench.serveRevision(revision)
      return bench
    },
  }
}

async function start(bench: Bench): Promise<Bench> {
  await bench.request()
  await bench.settle()
  return bench
}

const waitForClaim = (bench: Bench): Promise<unknown> =>
  vi.waitUntil(
    async () => {
      const head = await bench.coloCache?.readHead()
      return typeof head === 'object' && head !== null && 'isAsking' in head && head.isAsking
    },
    { timeout: 10_000 },
  )

describe('the cache of a colo', () => {
  it('gives a cold isolate what a neighbour got from the coordinator', async () => {
    const colo = aColo()
    await start(colo.isolate(4))
    const cold = await start(colo.isolate(4))
    expect(cold.cache.peek()).toMatchObject({ source: 'coordinator', snapshot: { revision: 4 } })
    expect(cold.questions).toEqual([])
  })

  it('sends one isolate to the coordinator for all, and the others follow it', async () => {
    const colo = aColo()
    const isolates = [await start(colo.isolate(4)), await start(colo.isolate(4))]
    for (const bench of isolates) bench.questions.length = 0
    for (const bench of isolates) {
      bench.serveRevision(5)
      await bench.refreshOnce()
      expect(bench.warmRequest()).toMatchObject({
        source: 'coordinator',
        snapshot: { revision: 5 },
      })
    }
    expect(isolates.map((bench) => bench.questions.length)).toEqual([1, 0])
  })

  it('is due for everybody when the answer expires, not an interval after it was read', async () => {
    const colo = aColo()
    await start(colo.isolate(4))
    const late = colo.isolate(4)
    late.clock.time += 4_000
    await start(late)
    late.clock.time += 999
    late.warmRequest()
    expect(late.questions).toHaveLength(0)
    await late.refreshOnce(1)
    expect(late.questions).toMatchObject([{ revision: 4, waitedMs: 5_000 }])
  })

  it('keeps the others from asking while one asks', async () => {
    const colo = aColo()
    const [asking, other] = [await start(colo.isolate(4)), await start(colo.isolate(4))]
    const answer = Promise.withResolvers<void>()
    asking.coordinator = async (request) => {
      await answer.promise
      return replyAt(5, request)
    }
    asking.clock.time += 5_000
    asking.warmRequest()
    await waitForClaim(other)
    await other.refreshOnce()
    expect(other.questions).toHaveLength(0)
    expect(other.warmRequest().snapshot.revision).toBe(4)
    answer.resolve()
    await asking.settle()
    await other.refreshOnce(500)
    expect(other.questions).toHaveLength(0)
    expect(other.warmRequest().snapshot.revision).toBe(5)
  })

  it('takes the question over from an isolate that died with it', async () => {
    const colo = aColo()
    const [dying, other] = [await start(colo.isolate(4)), await start(colo.isolate(4))]
    dying.coordinator = never
    dying.clock.time += 5_000
    dying.warmRequest()
    await waitForClaim(other)
    other.serveRevision(5)
    await other.refreshOnce()
    await other.refreshOnce(3_000)
    expect(other.warmRequest().snapshot.revision).toBe(5)
  })

  it('never ends with a claim that was slow to be written', async () => {
    const colo = aColo()
    const bench = await start(colo.isolate(4))
    const { coloCache } = bench
    if (coloCache === undefined) throw new Error('there is a cache')
    const claimed = Promise.withResolvers<void>()
    const written: Head[] = []
    const writeHead = async (head: Head): Promise<void> => {
      if (head.isAsking) await claimed.promise
      written.push(head)
    }
    bench.coloCache = { ...coloCache, writeHead }
    bench.serveRevision(5)
    bench.clock.time += 5_000
    bench.warmRequest()
    await vi.waitUntil(() => bench.cache.peek()?.snapshot.revision === 5, { timeout: 10_000 })
    claimed.resolve()
    await bench.settle()
    expect(written.map(({ isAsking, revision }) => [isAsking, revision])).toEqual([
      [true, 4],
      [false, 5],
    ])
  })

  it('shares a failure: one question per back-off, not one per isolate', async () => {
    const colo = aColo()
    const [first, second] = [await start(colo.isolate(4)), await start(colo.isolate(4))]
    for (const bench of [first, second]) {
      bench.coordinator = async () => Promise.reject(new Error('down'))
      bench.questions.length = 0
      await bench.refreshOnce()
    }
    expect([first.questions.length, second.questions.length]).toEqual([1, 0])
    expect(second.lines).toEqual([])
  })

  it('starts a cold isolate from an old head too, but not as the newest word', async () => {
    const colo = aColo()
    await start(colo.isolate(4))
    const cold = colo.isolate(5)
    cold.clock.time += 600_000
    await start(cold)
    expect(cold.cache.peek()).toMatchObject({ source: 'replica', snapshot: { revision: 4 } })
    await cold.refreshOnce(0)
    expect(cold.warmRequest()).toMatchObject({ source: 'coordinator', snapshot: { revision: 5 } })
  })

  it('is not believed when a body is not what its name says', async () => {
    const colo = aColo()
    const first = await start(colo.isolate(4))
    const digest = first.cache.peek()?.snapshot.digest ?? ''
    await first.coloCache?.writeBody(digest, bytesOf(3))
    const cold = await start(colo.isolate(5))
    expect(cold.cache.peek()).toMatchObject({ snapshot: { revision: 5 } })
  })

  it.each([
    ['no head', { hello: 'world' }],
    ['an endless head', { ...aHead(), expiresAt: Date.UTC(2099, 0) }],
    ['a head of nothing', { ...aHead(), revision: 0, digest: '' }],
    ['a head of a revision that is not there', { ...aHead(), revision: 9 }],
  ])('is passed over when it holds %s', async (_name, head) => {
    const colo = aColo()
    const bench = colo.isolate(5)
    await bench.coloCache?.writeHead(head as never)
    await start(bench)
    expect(bench.cache.peek()).toMatchObject({ source: 'coordinator', snapshot: { revision: 5 } })
  })

  it('is closed to whoever does not know the salt', async () => {
    const colo = aColo()
    await start(colo.isolate(4))
    expect(await openColoCache(`${colo.salt}x`)?.readHead()).toBeUndefined()
  })

  it('is not missed when it hangs, and not awaited by warm requests', async () => {
    const bench = new Bench()
    bench.coloCache = {
      exists: () => true,
      readHead: never,
      writeHead: never,
      readBody: never,
      writeBody: never,
    }
    bench.replica = async () => bytesOf(3)
    expect(await bench.request()).toMatchObject({ snapshot: { revision: 3 } })
    bench.serveRevision(4)
    await bench.refreshNow()
    expect(bench.warmRequest().snapshot.revision).toBe(4)
  })

  it('is given up for good where the runtime has none', async () => {
    const cache = openColoCache('salt')
    vi.spyOn(caches.default, 'match').mockRejectedValue(new Error('No Cache was configured'))
    expect(cache?.exists()).toBe(true)
    await expect(async () => cache?.readHead()).rejects.toThrow('No Cache')
    expect(cache?.exists()).toBe(false)
    expect(openColoCache('salt')).toBeUndefined()
  })
})

function aHead() {
  const digest = 'ab'.repeat(32)
  const storedAt = Date.UTC(2026, 10, 20)
  const expiresAt = storedAt + 5_000
  return {
    revision: 4,
    digest,
    viewsVersion: 0,
    intervalMs: 5_000,
    storedAt,
    expiresAt,
    failures: 0,
    isAsking: false,
  }
}
