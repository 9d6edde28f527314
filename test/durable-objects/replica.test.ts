import { evictDurableObject, reset, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openReplica } from '../../durable-objects/storage/replicas.ts'
import { openSnapshot } from '../../shared/config/snapshot.ts'
import { printDocument } from '../support/a-document.ts'
import {
  api,
  captureLog,
  coordinator,
  must,
  mustPublish,
  poll,
  publish,
} from '../support/coordinator.ts'

let events: Record<string, unknown>[]

beforeEach(async () => {
  await reset()
  events = captureLog()
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

/** The revision in the replica; undefined: there is none yet. */
async function readReplica(): Promise<number | undefined> {
  const bytes = await openReplica(env)?.get()
  return bytes && must(openSnapshot(bytes)).revision
}

const awaitReplica = (revision: number) =>
  poll(async () => (await readReplica()) === revision || undefined)

const countTasks = () =>
  runInDurableObject(
    coordinator(),
    (_, { storage }) => storage.sql.exec('SELECT * FROM tasks').toArray().length,
  )

describe('the replica', () => {
  it('follows a publish, and then nothing is left to do', async () => {
    await mustPublish(printDocument())
    await awaitReplica(1)
    await poll(async () => (await countTasks()) === 0)
    const alarm = await runInDurableObject(coordinator(), (_, { storage }) => storage.getAlarm())
    expect(alarm).toBeNull()
  })

  it('never holds up 1,500 publishes in a row, and ends at the newest (C18)', async () => {
    const puts: { revision: number; startedAt: number; endedAt: number }[] = []
    let inFlight = 0
    let mostInFlight = 0
    let release = (): void => undefined
    const published = new Promise<void>((resolve) => {
      release = resolve
    })
    const put = env.SNAPSHOT.put.bind(env.SNAPSHOT)
    vi.spyOn(env.SNAPSHOT, 'put').mockImplementation(async (key: string, value: unknown) => {
      const bytes = value as Uint8Array<ArrayBuffer>
      const entry = { revision: must(openSnapshot(bytes)).revision, startedAt: Date.now() }
      inFlight += 1
      mostInFlight = Math.max(mostInFlight, inFlight)
      await published
      await put(key, bytes)
      inFlight -= 1
      puts.push({ ...entry, endedAt: Date.now() })
    })

    for (let i = 1; i <= 1_500; i++) {
      expect((await mustPublish(printDocument({ label: `storm ${i}` }))).revision).toBe(i)
      // Calls inside one process never let the runtime look at its timers, and so at alarms.
      if (i % 10 === 0) await scheduler.wait(1)
    }
    expect(puts).toEqual([])
    release()
    await awaitReplica(1_500)

    await poll(async () => puts.length >= 2)
    expect(mostInFlight).toBe(1)
    expect(puts).toHaveLength(2)
    const [first, last] = puts
    expect(last?.startedAt).toBeGreaterThanOrEqual((first?.endedAt ?? 0) + 1_000)
    const oldest = await poll(async () => {
      const found = await api().document(500)
      return !found.ok && found.error.code
    }, 30_000)
    expect(oldest).toBe('revision_pruned')
    expect((await api().document(501)).ok).toBe(true)
  }, 120_000)

  it('is tried again after a failure, which is logged once, as is its end', async () => {
    const put = vi.spyOn(env.SNAPSHOT, 'put').mockRejectedValue(new Error('KV is down'))
    await mustPublish(printDocument())
    await poll(async () => put.mock.calls.length >= 2)
    await mustPublish(printDocument({ label: 'newer' }))
    put.mockRestore()
    await awaitReplica(2)
    await poll(async () => events.some(({ event }) => event === 'task_recovered'))
    const failed = events.filter(({ event }) => event === 'task_failed')
    expect(failed).toHaveLength(1)
    expect(failed[0]).toMatchObject({ task: 'replicate', reason: 'Error: KV is down' })
  })

  it('catches up after an eviction that took the failed attempts with it', async () => {
    const put = vi.spyOn(env.SNAPSHOT, 'put').mockRejectedValue(new Error('KV is down'))
    await mustPublish(printDocument())
    await poll(async () => put.mock.calls.length >= 1)
    await evictDurableObject(coordinator())
    put.mockRestore()
    await awaitReplica(1)
  })

  it('is put again when a put that was given up lands at last', async () => {
    let land = (): void => undefined
    const put = vi.spyOn(env.SNAPSHOT, 'put').mockImplementationOnce(
      () =>
        new Promise<void>((resolve) => {
          land = resolve
        }),
    )
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    await mustPublish(printDocument())
    await poll(async () => put.mock.calls.length === 1)
    await runInDurableObject(coordinator(), () => {
      vi.advanceTimersByTime(30_000)
    })
    vi.useRealTimers()
    await mustPublish(printDocument({ label: 'newer' }))
    await awaitReplica(2)
    await poll(async () => (await countTasks()) === 0)
    const before = put.mock.calls.length
    await runInDurableObject(coordinator(), () => land())
    await poll(async () => put.mock.calls.length === before + 1)
    await poll(async () => (await countTasks()) === 0)
    expect(await readReplica()).toBe(2)
  }, 30_000)

  it('is not missed where there is none', async () => {
    await runInDurableObject(coordinator(), () => undefined)
    expect(openReplica({})).toBeUndefined()
  })

  it('speaks to a disk service with GET and PUT of one file', async () => {
    const files = new Map<string, Uint8Array>()
    const disk = {
      async fetch(url: string, init?: RequestInit) {
        if (init?.method !== 'PUT') {
          const file = files.get(url)
          return file ? new Response(file) : new Response(null, { status: 404 })
        }
        files.set(url, await new Response(init.body).bytes())
        return new Response(null, { status: 204 })
      },
    }
    // Of a Fetcher, a replica on disk uses `fetch` alone.
    const replica = openReplica({ REPLICA: disk as unknown as Fetcher })
    expect(await replica?.get()).toBeUndefined()
    await replica?.put(Uint8Array.of(1, 2, 3))
    expect(await replica?.get()).toEqual(Uint8Array.of(1, 2, 3))
    expect([...files.keys()]).toEqual(['http://replica/snapshot'])
  })

  it('does not take a failing disk service for an empty one', async () => {
    const disk = { fetch: async () => new Response('no', { status: 500 }) }
    // The same: `fetch` alone.
    const replica = openReplica({ REPLICA: disk as unknown as Fetcher })
    await expect(replica?.get()).rejects.toThrow('500')
    await expect(replica?.put(Uint8Array.of(1))).rejects.toThrow('500')
  })
})

describe('the alarm', () => {
  it('changes nothing when it comes again without a reason', async () => {
    await mustPublish(printDocument())
    await awaitReplica(1)
    await poll(async () => (await countTasks()) === 0)
    const put = vi.spyOn(env.SNAPSHOT, 'put')
    await runInDurableObject(coordinator(), (instance) => instance.alarm())
    await runInDurableObject(coordinator(), (instance) => instance.alarm())
    expect(put).not.toHaveBeenCalled()
    expect((await publish(printDocument({ label: 'next' }))).ok).toBe(true)
  })

  it('does not throw when its own storage fails', async () => {
    await runInDurableObject(coordinator(), async (instance, { storage }) => {
      storage.sql.exec('ALTER TABLE tasks RENAME TO gone')
      await instance.alarm()
      expect(await storage.getAlarm()).toBeGreaterThan(Date.now())
      storage.sql.exec('ALTER TABLE gone RENAME TO tasks')
    })
    expect(events).toContainEqual(expect.objectContaining({ event: 'alarm_failed' }))
  })
})
