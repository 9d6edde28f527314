import { evictDurableObject, reset, runInDurableObject } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { printDocument, printLargeDocument } from '../support/a-document.ts'
import {
  api,
  captureLog,
  coordinator,
  must,
  mustPublish,
  mustRefuse,
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

const other = printDocument({ label: 'other' })
const third = printDocument({ label: 'third' })

describe('publish', () => {
  it('answers 201 with revision, etag, checksum, author and changes (D62, C01)', async () => {
    const receipt = must(await publish(printDocument(), { author: 'admin (alice)' }))
    expect(receipt.status).toBe(201)
    expect(receipt.body).toMatchObject({
      revision: 1,
      label: 'demo',
      author: 'admin (alice)',
      parent: null,
      restoredFrom: null,
      etag: `"1-${receipt.body.checksum.slice(0, 12)}"`,
    })
    expect(receipt.body.checksum).toMatch(/^[0-9a-f]{64}$/)
    expect(receipt.body.changes.placements.added).toEqual(['tier1', 'tier3', 'visa'])
    expect(receipt.body.changes.routingTable.added).toContainEqual({ key: 'acme', to: 'tier1' })
  })

  it('tells what changed against the revision before (D62)', async () => {
    await mustPublish(printDocument())
    const table = { acme: 'tier1', newco: 'tier1' }
    const { changes, parent } = await mustPublish(printDocument({ routingTable: table }))
    expect(parent).toBe(1)
    expect(changes.routingTable).toEqual({
      added: [{ key: 'newco', to: 'tier1' }],
      removed: [{ key: 'visa', from: 'visa' }],
      changed: [],
    })
  })

  it('answers 200 and stores nothing when the content is the current one (D72)', async () => {
    const first = await mustPublish(printDocument())
    const spaced = JSON.stringify(JSON.parse(printDocument()), null, 2)
    const again = must(await publish(spaced))
    expect(again.status).toBe(200)
    expect(again.body).toMatchObject({ revision: 1, etag: first.etag, checksum: first.checksum })
    expect(must(await api().history(10)).revisions).toHaveLength(1)
    expect(must(await publish(other)).status).toBe(201)
  })

  it('keeps an invalid document out and changes nothing (D65, D69, D70, C05)', async () => {
    await mustPublish(printDocument())
    const invalid = mustRefuse(
      await publish(printDocument({ defaultPlacement: 'x', routingTable: { a: 'y' } })),
    )
    expect(invalid.code).toBe('invalid_config')
    expect(invalid.extra?.['errors']).toHaveLength(2)
    expect(mustRefuse(await publish('{"schema": 1')).code).toBe('invalid_json')
    expect(must(await api().document()).revision.revision).toBe(1)
  })

  it('keeps 20 parallel publishes as 20 ordered revisions, each on top of the other (D73)', async () => {
    const labels = Array.from({ length: 20 }, (_, i) => `parallel-${i}`)
    const receipts = await Promise.all(labels.map((label) => mustPublish(printDocument({ label }))))
    const revisions = receipts.map((receipt) => receipt.revision).sort((a, b) => a - b)
    expect(revisions).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
    expect(receipts.every(({ revision, parent }) => (parent ?? 0) === revision - 1)).toBe(true)
    const stored = must(await api().history(100)).revisions
    expect(stored.map(({ label }) => label).sort()).toEqual(labels.sort())
  })

  it('refuses a document over 8 MiB of UTF-8 (C15)', async () => {
    const text = `${printDocument()}${' '.repeat(8 * 1024 * 1024)}`
    expect(mustRefuse(await publish(text)).code).toBe('body_too_large')
    const umlauts = printDocument({ label: 'ä' }) + '\u00a0'.repeat(5 * 1024 * 1024)
    expect(mustRefuse(await publish(umlauts)).code).toBe('body_too_large')
  })

  it('gives the routing keys of documents beyond the row limit back (C15)', async () => {
    const text = printLargeDocument(3_000_000)
    await mustPublish(text)
    expect(must(await api().document()).text).toBe(text)
    const largest = await runInDurableObject(coordinator(), (_, { storage }) =>
      storage.sql
        .exec<{ rows: number; bytes: number }>(
          "SELECT count(*) AS rows, max(length(bytes)) AS bytes FROM chunks WHERE owner LIKE 'document/%'",
        )
        .one(),
    )
    expect(largest).toEqual({ rows: Math.ceil(text.length / 1_048_576), bytes: 1_048_576 })
  })

  it('survives an eviction (D83)', async () => {
    const { etag } = await mustPublish(printDocument())
    await mustPublish(other)
    await evictDurableObject(coordinator())
    expect(must(await api().document())).toMatchObject({ text: other })
    expect(must(await api().document(1))).toMatchObject({ etag, text: printDocument() })
    expect((await mustPublish(third)).revision).toBe(3)
  })

  it('stores all or nothing when a write in the middle fails', async () => {
    await mustPublish(printDocument())
    const tables = ['revisions', 'chunks', 'documents', 'snapshots', 'answers']
    const count = () =>
      runInDurableObject(coordinator(), (_, { storage }) =>
        tables.map((table) => storage.sql.exec(`SELECT * FROM ${table}`).toArray().length),
      )
    const before = await count()
    await runInDurableObject(coordinator(), (_, { storage }) => {
      storage.sql.exec(
        "CREATE TRIGGER full BEFORE INSERT ON answers BEGIN SELECT RAISE(ABORT, 'disk full'); END",
      )
    })
    await expect(() => publish(other, { idempotencyKey: 'k' })).rejects.toThrow('disk full')
    expect(await count()).toEqual(before)
    await runInDurableObject(coordinator(), (_, { storage }) => {
      storage.sql.exec('DROP TRIGGER full')
    })
    expect((await mustPublish(other, { idempotencyKey: 'k' })).revision).toBe(2)
  })

  it('logs one JSON line per release, and none for a repetition', async () => {
    const events = captureLog()
    const { warnings } = await mustPublish(printDocument())
    await mustPublish(printDocument())
    expect(events).toHaveLength(1)
    const event = { event: 'publish', revision: 1, author: 'admin', warnings: warnings.length }
    expect(events[0]).toMatchObject(event)
  })
})

describe('If-Match', () => {
  it('accepts the current etag, a list with it and * (C01)', async () => {
    const first = await mustPublish(printDocument())
    const second = await mustPublish(other, { ifMatch: first.etag })
    const fourth = await mustPublish(third, { ifMatch: `"x", ${second.etag}` })
    expect(fourth.revision).toBe(3)
    expect((await mustPublish(other, { ifMatch: '*' })).revision).toBe(4)
  })

  it('refuses a stale one, names the current revision and stores nothing (D73, C02)', async () => {
    const first = await mustPublish(printDocument())
    const second = await mustPublish(other)
    const refused = mustRefuse(await publish(third, { ifMatch: first.etag }))
    expect(refused.code).toBe('stale_revision')
    const { revision, etag, publishedAt, author } = second
    expect(refused.extra).toEqual({ current: { revision, etag, publishedAt, author } })
    expect(mustRefuse(await publish(third, { ifMatch: `W/${etag}` })).code).toBe('stale_revision')
    expect(must(await api().document()).revision.revision).toBe(2)
  })

  it('lets exactly one of two writers with the same etag through', async () => {
    const { etag } = await mustPublish(printDocument())
    const both = await Promise.all([other, third].map((text) => publish(text, { ifMatch: etag })))
    expect(both.filter(({ ok }) => ok)).toHaveLength(1)
    expect(must(await api().history(10)).revisions).toHaveLength(2)
  })

  it('refuses any when nothing is published', async () => {
    const refused = mustRefuse(await publish(other, { ifMatch: '*' }))
    expect(refused).toMatchObject({ code: 'stale_revision', extra: { current: null } })
  })
})

describe('Idempotency-Key', () => {
  it('answers the first answer again and keeps one revision (C04)', async () => {
    const first = must(await publish(printDocument(), { idempotencyKey: 'k' }))
    await mustPublish(other)
    await evictDurableObject(coordinator())
    expect(must(await publish(printDocument(), { idempotencyKey: 'k' }))).toEqual(first)
    expect(must(await api().history(10)).revisions).toHaveLength(2)
  })

  it('answers again although If-Match is stale by now', async () => {
    const { etag } = await mustPublish(printDocument())
    const conditions = { idempotencyKey: 'k', ifMatch: etag }
    const first = must(await publish(other, conditions))
    expect(must(await publish(other, conditions))).toEqual(first)
  })

  it('refuses another body, and the same key for a rollback', async () => {
    await mustPublish(printDocument(), { idempotencyKey: 'k' })
    expect(mustRefuse(await publish(other, { idempotencyKey: 'k' })).code).toBe(
      'idempotency_key_reused',
    )
    const rollback = { revision: 1, author: 'admin', idempotencyKey: 'k' }
    expect(mustRefuse(await api().rollback(rollback)).code).toBe('idempotency_key_reused')
    expect(must(await api().history(10)).revisions).toHaveLength(1)
  })

  it('remembers an answer that stored nothing, but no refusal', async () => {
    await mustPublish(printDocument())
    expect(must(await publish(printDocument(), { idempotencyKey: 'k' })).status).toBe(200)
    expect(mustRefuse(await publish(other, { idempotencyKey: 'k' })).code).toBe(
      'idempotency_key_reused',
    )
    expect((await publish('{', { idempotencyKey: 'l' })).ok).toBe(false)
    expect((await mustPublish(other, { idempotencyKey: 'l' })).revision).toBe(2)
  })

  it('forgets after 48 hours', async () => {
    const start = Date.now()
    await mustPublish(printDocument(), { idempotencyKey: 'k' })
    vi.useFakeTimers({ toFake: ['Date'], now: start + 47 * 3_600_000 })
    expect((await publish(other, { idempotencyKey: 'k' })).ok).toBe(false)
    vi.setSystemTime(start + 49 * 3_600_000)
    expect((await mustPublish(other, { idempotencyKey: 'k' })).revision).toBe(2)
  })
})

describe('dry run', () => {
  it('gives the verdict, the changes and the next revision, and stores nothing (C14)', async () => {
    await mustPublish(printDocument())
    const dry = must(await publish(other, { dryRun: true, idempotencyKey: 'k' }))
    expect(dry.status).toBe(200)
    expect(dry.body).toMatchObject({ dryRun: true, revision: 2, label: 'other', parent: 1 })
    expect(must(await api().history(10)).revisions).toHaveLength(1)
    const wet = await mustPublish(third, { idempotencyKey: 'k' })
    expect(wet.revision).toBe(2)
  })

  it('refuses what a publish refuses, in the same words (C14)', async () => {
    await mustPublish(printDocument())
    for (const [text, ifMatch] of [['{'], [printDocument({ label: 7 })], [other, '"1-0"']]) {
      const conditions = ifMatch === undefined ? {} : { ifMatch }
      const dry = mustRefuse(await publish(text ?? '', { ...conditions, dryRun: true }))
      expect(dry).toEqual(mustRefuse(await publish(text ?? '', conditions)))
    }
  })
})
