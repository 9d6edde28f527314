import { reset, runInDurableObject } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openSnapshot } from '../../shared/config/snapshot.ts'
import type { RollbackRequest } from '../../shared/rpc/coordinator.ts'
import { printDocument } from '../support/a-document.ts'
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
  vi.restoreAllMocks()
})

const other = printDocument({ label: 'other' })

const rollBack = async (revision: number, changes: Partial<RollbackRequest> = {}) =>
  api().rollback({ revision, author: 'admin', ...changes })

describe('rollback', () => {
  it('makes a new revision with the old content and keeps the history (D77, C11)', async () => {
    const first = await mustPublish(printDocument())
    await mustPublish(other)
    const { status, body } = must(await rollBack(1))
    expect(status).toBe(201)
    expect(body).toMatchObject({ revision: 3, restoredFrom: 1, parent: 2, label: 'demo' })
    expect(body.checksum).toBe(first.checksum)
    expect(body.etag).not.toBe(first.etag)
    expect(must(await api().document()).text).toBe(printDocument())
    const { revisions } = must(await api().history(10))
    expect(revisions.map(({ revision }) => revision)).toEqual([3, 2, 1])
  })

  it('makes a new revision even when the content is the current one', async () => {
    await mustPublish(printDocument())
    const { status, body } = must(await rollBack(1))
    expect([status, body.revision, body.restoredFrom]).toEqual([201, 2, 1])
    expect(body.changes.routingTable).toEqual({ added: [], removed: [], changed: [] })
  })

  it('refuses a revision that never was (D78)', async () => {
    await mustPublish(printDocument())
    expect(mustRefuse(await rollBack(99_999)).code).toBe('revision_not_found')
  })

  it('honours If-Match, Idempotency-Key and dry run', async () => {
    const { etag } = await mustPublish(printDocument())
    await mustPublish(other)
    expect(mustRefuse(await rollBack(1, { ifMatch: etag })).code).toBe('stale_revision')
    expect(must(await rollBack(1, { dryRun: true })).body).toMatchObject({ revision: 3 })
    const first = must(await rollBack(1, { idempotencyKey: 'k' }))
    expect(must(await rollBack(1, { idempotencyKey: 'k' }))).toEqual(first)
    expect(mustRefuse(await rollBack(2, { idempotencyKey: 'k' })).code).toBe(
      'idempotency_key_reused',
    )
    expect(must(await api().history(10)).revisions).toHaveLength(3)
  })

  it('checks the old content against the bindings of today, and still shows it', async () => {
    const bound = printDocument({
      placements: { tier1: { endpoints: [{ service: 'CELL_VISA' }] } },
      routingTable: {},
      defaultPlacement: 'tier1',
    })
    await mustPublish(bound)
    await mustPublish(other)
    await runInDurableObject(coordinator(), (instance) => {
      const bindings = Reflect.get(instance, 'env')
      Object.assign(instance, { env: { ...bindings, CELL_VISA: undefined } })
    })
    expect(mustRefuse(await rollBack(1)).code).toBe('invalid_config')
    expect(must(await api().diff(1, 2)).placements.removed).toEqual([])
    expect((await publish(printDocument({ label: 'on top' }))).ok).toBe(true)
  })
})

describe('history', () => {
  it('lists newest first, a page at a time (D75)', async () => {
    for (const label of ['a', 'b', 'c', 'd', 'e']) await mustPublish(printDocument({ label }))
    const first = must(await api().history(2))
    expect(first.revisions.map(({ label }) => label)).toEqual(['e', 'd'])
    const second = must(await api().history(2, first.next ?? ''))
    expect(second.revisions.map(({ label }) => label)).toEqual(['c', 'b'])
    const last = must(await api().history(2, second.next ?? ''))
    expect(last.revisions.map(({ label }) => label)).toEqual(['a'])
    expect(last.next).toBeNull()
  })

  it('refuses a cursor that it did not hand out', async () => {
    for (const cursor of ['x', '0', '-1', '1.5', ''])
      expect(mustRefuse(await api().history(2, cursor)).code).toBe('invalid_request')
  })

  it('says what is not published and what never was', async () => {
    expect(mustRefuse(await api().document()).code).toBe('nothing_published')
    expect(mustRefuse(await api().document(1)).code).toBe('revision_not_found')
    expect(mustRefuse(await api().diff(1, 2)).code).toBe('revision_not_found')
    expect(mustRefuse(await api().compiled(1)).code).toBe('revision_not_found')
  })

  it('compares any two revisions, both ways (D76)', async () => {
    await mustPublish(printDocument())
    await mustPublish(printDocument({ routingTable: { acme: 'visa', newco: 'tier1' } }))
    expect(must(await api().diff(1, 2)).routingTable).toEqual({
      added: [{ key: 'newco', to: 'tier1' }],
      removed: [{ key: 'visa', from: 'visa' }],
      changed: [{ key: 'acme', from: 'tier1', to: 'visa' }],
    })
    expect(must(await api().diff(2, 1)).routingTable.added).toEqual([{ key: 'visa', to: 'visa' }])
  })

  it('cuts changes that no answer can carry, and says so', async () => {
    const table = (prefix: string) =>
      Object.fromEntries(Array.from({ length: 160_000 }, (_, i) => [`${prefix}-${i}`, 'tier1']))
    await mustPublish(printDocument({ routingTable: table('before') }))
    const { changes } = await mustPublish(printDocument({ routingTable: table('after') }))
    expect(changes.truncated).toBe(true)
    expect(changes.routingTable.added).toHaveLength(1_000)
    expect(must(await api().diff(1, 2)).truncated).toBe(true)
  }, 60_000)

  it('compiles every kept revision as it was published', async () => {
    for (const label of ['a', 'b', 'c', 'd']) await mustPublish(printDocument({ label }))
    for (const [revision, label] of [
      [1, 'a'],
      [3, 'c'],
      [4, 'd'],
    ] as const) {
      const { lengthBytes, body } = must(await api().compiled(revision))
      const bytes = await new Response(body).bytes()
      expect(bytes.byteLength).toBe(lengthBytes)
      expect(must(openSnapshot(bytes))).toMatchObject({ revision, label })
    }
  })

  it('gives the baseline format back as it came (D84)', async () => {
    const text = JSON.stringify({
      version: '1.0.0',
      cellEndpoints: { tier1: 'https://tier1.example.com' },
      routingTable: { acme: 'tier1' },
      defaultPlacement: 'tier1',
    })
    expect((await mustPublish(text)).label).toBe('1.0.0')
    expect(must(await api().document()).text).toBe(text)
  })
})
