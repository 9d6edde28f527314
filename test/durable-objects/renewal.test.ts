import { evictDurableObject, reset, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openReplica } from '../../durable-objects/storage/replicas.ts'
import { openSnapshot } from '../../shared/config/snapshot.ts'
import { printDocument } from '../support/a-document.ts'
import { api, captureLog, coordinator, must, mustPublish, poll } from '../support/coordinator.ts'

let events: Record<string, unknown>[]

beforeEach(async () => {
  await reset()
  events = captureLog()
})
afterEach(() => {
  vi.restoreAllMocks()
})

/** As if other code, with another number for its format, had stored the snapshots. */
async function changeFormat(): Promise<void> {
  await runInDurableObject(coordinator(), (_, { storage }) => {
    const rows = storage.sql
      .exec<{ owner: string; bytes: ArrayBuffer }>(
        "SELECT owner, bytes FROM chunks WHERE owner LIKE 'snapshot/%' AND position = 0",
      )
      .toArray()
    for (const { owner, bytes } of rows) {
      new DataView(bytes).setUint32(8, 99, true)
      storage.sql.exec('UPDATE chunks SET bytes = ? WHERE owner = ? AND position = 0', bytes, owner)
    }
  })
}

/** Until the replica holds the revision and nothing is left to do. */
const awaitReplica = (revision: number) =>
  poll(async () => {
    const bytes = await openReplica(env)?.get()
    const count = await runInDurableObject(
      coordinator(),
      (_, { storage }) => storage.sql.exec('SELECT * FROM tasks').toArray().length,
    )
    return bytes && must(openSnapshot(bytes)).revision === revision && count === 0
  })

const readRevision = async (body: ReadableStream<Uint8Array> | undefined) =>
  must(openSnapshot(await new Response(body ?? null).bytes())).revision

describe('a stored snapshot of another format', () => {
  it('is compiled again at the next start, as a new revision of the same content', async () => {
    await mustPublish(printDocument({ label: 'first' }))
    const before = await mustPublish(printDocument())
    await awaitReplica(2)
    await changeFormat()
    await evictDurableObject(coordinator())
    const { revision, digest, snapshot } = await api().refresh({ revision: 2, viewsVersion: 0 })
    expect(revision).toBe(3)
    expect(digest).toMatch(/^[0-9a-f]{64}$/)
    expect(await readRevision(snapshot?.body)).toBe(3)
    const stored = must(await api().document())
    expect(stored.text).toBe(printDocument())
    expect(stored.revision).toMatchObject({
      revision: 3,
      label: 'demo',
      author: 'cellway',
      checksum: before.checksum,
      parent: 2,
      restoredFrom: 2,
    })
    expect(events).toContainEqual(expect.objectContaining({ event: 'recompile', revision: 3 }))
    await awaitReplica(3)
  })

  it('is compiled again once, and not at all while it can be read', async () => {
    await mustPublish(printDocument())
    await evictDurableObject(coordinator())
    expect((await api().refresh({ revision: 9, viewsVersion: 0 })).revision).toBe(1)
    await changeFormat()
    for (let start = 0; start < 2; start++) {
      await evictDurableObject(coordinator())
      expect((await api().refresh({ revision: 9, viewsVersion: 0 })).revision).toBe(2)
    }
  })

  it('is compiled again for reading history', async () => {
    await mustPublish(printDocument())
    await mustPublish(printDocument({ label: 'next' }))
    await changeFormat()
    for (const revision of [1, 2]) {
      const { lengthBytes, body } = must(await api().compiled(revision))
      const bytes = await new Response(body).bytes()
      expect(bytes.byteLength).toBe(lengthBytes)
      expect(must(openSnapshot(bytes)).revision).toBe(revision)
    }
  })

  it('does not keep the coordinator down when its document cannot be read either', async () => {
    await mustPublish(printDocument())
    await changeFormat()
    const spoil = (change: string) =>
      runInDurableObject(coordinator(), (_, { storage }) => {
        storage.sql.exec(change)
      })
    await spoil("UPDATE chunks SET bytes = CAST('{' AS BLOB) WHERE owner LIKE 'document/%'")
    await evictDurableObject(coordinator())
    expect((await api().refresh({ revision: 1, viewsVersion: 0 })).revision).toBe(1)
    await spoil("DELETE FROM chunks WHERE owner LIKE 'document/%'")
    await evictDurableObject(coordinator())
    expect((await mustPublish(printDocument({ label: 'mended' }))).revision).toBe(2)
    expect(events.filter(({ event }) => event === 'recompile_failed')).toHaveLength(2)
  })
})
