import { expect, it } from 'vitest'
import {
  getConfig,
  getDebugConfig,
  getDiff,
  getRevision,
  listRevisions,
  publishAndWait,
  rollback,
  waitUntilServed,
} from '../../support/api.ts'
import { type Bench, expectProblem } from '../../support/conformance.ts'
import { printDocument, publishNew, readCurrent, readHistory, waitForCell } from './ask.ts'

/** What was published before: shown, compared, and put back. */
export function describeHistory(bench: Bench): void {
  it('D74 /debug/config tells label, revision, source, age and the time of the last load', async () => {
    const { target } = bench
    const started = Date.now()
    const { revision } = await publishAndWait(target, printDocument(bench, `debug ${started}`))
    const served = await getDebugConfig(target)
    expect(served).toMatchObject({ version: `debug ${started}`, revision, source: 'coordinator' })
    expect(served.last_reload_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/)
    expect(Date.parse(served.last_reload_at)).toBeGreaterThan(started - 1_000)
    expect(served.age_ms).toBeGreaterThanOrEqual(0)
    expect(served.age_ms).toBeLessThan(Date.now() - started + 1_000)
  })

  it('D75 the history lists revisions newest first, page by page, with what was published', async () => {
    const first = await publishNew(bench.target, printDocument(bench, 'history a'))
    const second = await publishNew(bench.target, printDocument(bench, 'history b'))
    const rows = await readHistory(bench.target)
    expect(rows.slice(0, 2)).toEqual(
      [second, first].map(({ revision, label, author, publishedAt, checksum }) => ({
        ...{ revision, label, author, publishedAt, checksum },
        parent: revision - 1,
        restoredFrom: null,
      })),
    )
    expect(rows.map(({ revision }) => revision)).toEqual(
      Array.from({ length: second.revision }, (_, i) => second.revision - i),
    )
    expect(await readHistory(bench.target, 7)).toEqual(rows)
    for (const limit of [0, 1_001])
      expectProblem(await listRevisions(bench.target, { limit }), {
        status: 400,
        code: 'invalid_request',
      })
  })

  it('D75 each revision keeps its document, and GET /admin/config knows If-None-Match', async () => {
    const document = printDocument(bench, 'kept as sent')
    const text = JSON.stringify(document, null, 3)
    const published = await publishAndWait(bench.target, text)
    const newer = await publishNew(bench.target, printDocument(bench, 'the next one'))
    const kept = await getRevision(bench.target, published.revision)
    expect([kept.status, kept.text, kept.headers.etag]).toEqual([200, text, published.etag])
    const unchanged = await getConfig(bench.target, { headers: { 'If-None-Match': newer.etag } })
    expect([unchanged.status, unchanged.text]).toEqual([304, ''])
    const changed = await getConfig(bench.target, { headers: { 'If-None-Match': published.etag } })
    expect(changed.status).toBe(200)
  })

  it('D76 the diff of two revisions is exactly what was added, removed and changed', async () => {
    const before = printDocument(bench, 'diff from')
    const after = printDocument(bench, 'diff to')
    before.routingTable = { stays: 'tier1', moves: 'tier1', goes: 'tier2' }
    after.routingTable = { stays: 'tier1', moves: 'tier2', comes: 'visa' }
    after.placements['spare'] = { endpoints: ['https://spare.example'] }
    Object.assign(after.placements['visa'] ?? {}, { concurrencyLimit: 7 })
    after.defaultPlacement = 'tier2'
    const { revision: from } = await publishNew(bench.target, before)
    const { revision: to, changes } = await publishNew(bench.target, after)
    const answer = await getDiff(bench.target, from, to)
    expect(answer.status).toBe(200)
    expect(answer.json()).toEqual({
      routingTable: {
        added: [{ key: 'comes', to: 'visa' }],
        removed: [{ key: 'goes', from: 'tier2' }],
        changed: [{ key: 'moves', from: 'tier1', to: 'tier2' }],
      },
      placements: {
        added: ['spare'],
        removed: [],
        changed: [{ name: 'visa', pointer: '/concurrencyLimit', from: null, to: 7 }],
      },
      defaultPlacement: { from: 'tier3', to: 'tier2' },
    })
    expect(changes).toEqual(answer.json())
    expect((await getDiff(bench.target, to, to)).json()).toEqual({
      routingTable: { added: [], removed: [], changed: [] },
      placements: { added: [], removed: [], changed: [] },
    })
    expectProblem(await getDiff(bench.target, to, 99_999), {
      status: 404,
      code: 'revision_not_found',
    })
  })

  it('D77 C11 a rollback is a new revision with the old content, and the history stays', async () => {
    const old = printDocument(bench, 'to come back')
    old.routingTable['newco'] = 'visa'
    const { target } = bench
    const wanted = await publishNew(target, old)
    for (const label of ['one after', 'two after', 'three after'])
      await publishNew(target, printDocument(bench, label))
    const before = await readHistory(target)
    const answer = await rollback(target, wanted.revision)
    expect(answer.status).toBe(201)
    const revision = wanted.revision + 4
    const restored = answer.json()
    expect(restored).toMatchObject({ revision, checksum: wanted.checksum, label: wanted.label })
    expect(restored['etag']).not.toBe(wanted.etag)
    expect(answer.headers).toMatchObject({
      etag: restored['etag'],
      location: `/admin/config/revisions/${revision}`,
    })
    expect((await readCurrent(target)).text).toBe(JSON.stringify(old))
    const [newest, ...others] = await readHistory(target)
    expect(newest).toMatchObject({ revision, parent: revision - 1, restoredFrom: wanted.revision })
    expect(others).toEqual(before)
    await waitUntilServed(target, revision)
    const routed = await waitForCell(target, 'newco', 'visa')
    expect(routed.headers['x-config-revision']).toBe(String(revision))
  })

  it('D78 a rollback to a revision that never was is refused and changes nothing', async () => {
    const before = await readCurrent(bench.target)
    expectProblem(await rollback(bench.target, 99_999), {
      status: 404,
      code: 'revision_not_found',
    })
    expect(await readCurrent(bench.target)).toEqual(before)
  })
}
