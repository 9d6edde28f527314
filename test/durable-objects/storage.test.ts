import {
  evictDurableObject,
  reset,
  runDurableObjectAlarm,
  runInDurableObject,
} from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { listBindings } from '../../durable-objects/bindings.ts'
import { migrate } from '../../durable-objects/storage/migrate.ts'
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

beforeEach(async () => {
  await reset()
  captureLog()
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const count = (table: string): Promise<number> =>
  runInDurableObject(
    coordinator(),
    (_, { storage }) => storage.sql.exec(`SELECT * FROM ${table}`).toArray().length,
  )

describe('migrations', () => {
  const steps = ['CREATE TABLE one (a INTEGER)', 'ALTER TABLE one ADD COLUMN b INTEGER']

  it('apply once, in their order, and go on where an older code stopped', async () => {
    await runInDurableObject(coordinator(), (_, { storage }) => {
      storage.sql.exec('DELETE FROM storage_schema')
      migrate(storage, steps.slice(0, 1))
      migrate(storage, steps)
      migrate(storage, steps)
      expect(storage.sql.exec('SELECT a, b FROM one').columnNames).toEqual(['a', 'b'])
      expect(storage.sql.exec('SELECT version FROM storage_schema').toArray()).toEqual([
        { version: 2 },
      ])
    })
  })

  it('apply all or nothing', async () => {
    await runInDurableObject(coordinator(), (_, { storage }) => {
      storage.sql.exec('DELETE FROM storage_schema')
      expect(() => migrate(storage, [...steps, 'nonsense'])).toThrow('syntax error')
      expect(() => storage.sql.exec('SELECT * FROM one')).toThrow('no such table')
    })
  })

  it('refuse storage of a newer code, say so, and leave it alone', async () => {
    await mustPublish(printDocument())
    await runInDurableObject(coordinator(), (_, { storage }) => {
      storage.sql.exec('UPDATE storage_schema SET version = 99')
    })
    await evictDurableObject(coordinator())
    await expect(() => publish(printDocument({ label: 'x' }))).rejects.toThrow(
      'the storage has schema 99 and this code knows up to',
    )
  })
})

describe('retention', () => {
  it('keeps the documents of the last 1,000 revisions, and older ones that share content', async () => {
    for (const label of ['a', 'b', 'c']) await mustPublish(printDocument({ label }))
    const age = (label: string, lastRevision: number) =>
      runInDurableObject(coordinator(), async (_, { storage }) => {
        const [found] = storage.sql
          .exec<{ checksum: string }>('SELECT checksum FROM revisions WHERE label = ?', label)
          .toArray()
        storage.sql.exec(
          'UPDATE documents SET lastRevision = ? WHERE checksum = ?',
          lastRevision,
          found?.checksum ?? '',
        )
      })
    for (const label of ['a', 'b']) await age(label, 5 - 1_000)
    await age('c', 5 - 999)
    must(await api().rollback({ revision: 1, author: 'admin' }))
    await mustPublish(printDocument({ label: 'd' }))
    await runDurableObjectAlarm(coordinator())

    expect(await api().document(2)).toMatchObject({ error: { code: 'revision_pruned' } })
    expect(await api().diff(1, 2)).toMatchObject({ error: { code: 'revision_pruned' } })
    for (const revision of [1, 3, 4, 5])
      expect(await api().document(revision)).toMatchObject({ ok: true })
    expect(must(await api().history(10)).revisions).toHaveLength(5)
    expect(await api().rollback({ revision: 2, author: 'admin' })).toMatchObject({
      error: { code: 'revision_pruned' },
    })
  })

  it('keeps 2 GiB of documents at most, and always the current and the previous one', async () => {
    for (const label of ['a', 'b', 'c', 'd']) await mustPublish(printDocument({ label }))
    await runInDurableObject(coordinator(), (_, { storage }) => {
      storage.sql.exec('UPDATE documents SET lengthBytes = ? WHERE lastRevision < 4', 2 ** 30)
    })
    await mustPublish(printDocument({ label: 'e' }))
    await runDurableObjectAlarm(coordinator())
    const isKept = async (revision: number) => (await api().document(revision)).ok
    expect(await Promise.all([1, 2, 3, 4, 5].map(isKept))).toEqual([false, false, true, true, true])

    await runInDurableObject(coordinator(), (_, { storage }) => {
      storage.sql.exec('UPDATE documents SET lengthBytes = ?', 2 ** 32)
    })
    await mustPublish(printDocument({ label: 'f' }))
    await poll(async () => !(await isKept(4)))
    expect(await Promise.all([3, 4, 5, 6].map(isKept))).toEqual([false, false, true, true])
    expect(await api().document(4)).toMatchObject({ error: { code: 'revision_pruned' } })
  })

  it('knows how long a document is', async () => {
    const text = printDocument({ label: 'ä' })
    await mustPublish(text)
    const lengths = () =>
      runInDurableObject(coordinator(), (_, { storage }) =>
        storage.sql.exec('SELECT lengthBytes FROM documents').toArray(),
      )
    const lengthBytes = new TextEncoder().encode(text).byteLength
    expect(await lengths()).toEqual([{ lengthBytes }])
    await runInDurableObject(coordinator(), (_, { storage }) => {
      storage.sql.exec('DROP TABLE placements; DROP TABLE views; DROP TABLE views_version')
      storage.sql.exec('ALTER TABLE documents DROP COLUMN lengthBytes')
      storage.sql.exec('UPDATE storage_schema SET version = 1')
      migrate(storage)
    })
    expect(await lengths()).toEqual([{ lengthBytes }])
  })

  it('keeps a thousand changes of a remembered answer', async () => {
    const routingTable = Object.fromEntries(
      Array.from({ length: 1_500 }, (_, i) => [`k${i}`, 'tier1']),
    )
    const text = printDocument({ routingTable })
    const first = await mustPublish(text, { idempotencyKey: 'k' })
    const { changes, ...rest } = await mustPublish(text, { idempotencyKey: 'k' })
    expect(first.changes.routingTable.added).toHaveLength(1_500)
    expect(first.changes.truncated).toBeUndefined()
    expect(first).toMatchObject(rest)
    expect(changes.truncated).toBe(true)
    expect(changes.placements).toEqual(first.changes.placements)
    const { added } = changes.routingTable
    expect(added).toEqual(first.changes.routingTable.added.slice(0, added.length))
    expect(added.length + changes.placements.added.length).toBe(1_000)
  })

  it('keeps the compiled snapshots of the current and the previous revision', async () => {
    for (const label of ['a', 'b', 'c', 'd']) await mustPublish(printDocument({ label }))
    const rows = await runInDurableObject(coordinator(), (_, { storage }) =>
      storage.sql.exec("SELECT owner FROM chunks WHERE owner LIKE 'snapshot/%'").toArray(),
    )
    expect(rows).toEqual([{ owner: 'snapshot/3' }, { owner: 'snapshot/4' }])
    expect(await count('snapshots')).toBe(2)
  })

  it('stores a content once however often it is published', async () => {
    const [a, b] = [printDocument({ label: 'a' }), printDocument({ label: 'b' })]
    for (const text of [a, b, a, b, a]) await mustPublish(text)
    expect(await count('documents')).toBe(2)
    expect(await count('revisions')).toBe(5)
  })

  it('forgets answers after 48 hours, from its alarm', async () => {
    const start = Date.now()
    await mustPublish(printDocument(), { idempotencyKey: 'k' })
    vi.useFakeTimers({ toFake: ['Date'], now: start + 49 * 3_600_000 })
    await runDurableObjectAlarm(coordinator())
    expect(await count('answers')).toBe(0)
    expect(await count("chunks WHERE owner LIKE 'answer/%'")).toBe(0)
    expect(await count("tasks WHERE name = 'forget'")).toBe(0)
  })
})

describe('the bindings that a document may name', () => {
  it('are the services, not the stores and not the router itself', async () => {
    const { services, dispatchNamespaces } = await runInDurableObject(coordinator(), (instance) =>
      listBindings(Reflect.get(instance, 'env')),
    )
    expect([...services]).toEqual(
      expect.arrayContaining(['CELL_TIER1', 'CELL_TIER2', 'CELL_TIER3', 'CELL_VISA']),
    )
    for (const name of ['SNAPSHOT', 'CONFIG', 'VERSION', 'ADMIN_TOKEN']) {
      expect(services).not.toContain(name)
      expect(dispatchNamespaces).not.toContain(name)
    }
  })

  it('leave out the services of the router itself', async () => {
    const cell = await runInDurableObject(coordinator(), (instance) => {
      const { CELL_VISA } = Reflect.get(instance, 'env')
      return [...listBindings({ REPLICA: CELL_VISA, ASSETS: CELL_VISA, CELL: CELL_VISA }).services]
    })
    expect(cell).toEqual(['CELL'])
  })

  it('know a dispatch namespace by its development stand-in', () => {
    const { dispatchNamespaces } = listBindings({ TENANTS: { get: () => undefined }, VERSION: {} })
    expect([...dispatchNamespaces]).toEqual(['TENANTS'])
  })
})
