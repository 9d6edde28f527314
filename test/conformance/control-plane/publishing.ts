import { expect, it } from 'vitest'
import { publish, publishAndWait, waitUntilServed } from '../../support/api.ts'
import { type Bench, expectProblem } from '../../support/conformance.ts'
import { send } from '../../support/http.ts'
import {
  pause,
  printDocument,
  probeDuring,
  publishNew,
  readCurrent,
  readHistory,
  waitForCell,
} from './ask.ts'

/** Publishing: what is accepted, what it answers, and what traffic sees of it. */
export function describePublishing(bench: Bench): void {
  it('D62 a published document that adds a key routes that key, and answers the new revision', async () => {
    const before = await readCurrent(bench.target)
    const document = printDocument(bench, 'adds newco')
    document.routingTable['newco'] = 'tier2'
    const answer = await publish(bench.target, document, { headers: { 'X-Author': 'ann' } })
    const published = answer.json()
    expect(answer.status).toBe(201)
    expect(published).toMatchObject({
      revision: before.revision + 1,
      label: 'adds newco',
      checksum: expect.stringMatching(/^[0-9a-f]{64}$/),
      publishedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/),
      author: expect.stringContaining('ann'),
      changes: { routingTable: { added: [{ key: 'newco', to: 'tier2' }] } },
    })
    const tag = `"${published['revision']}-${String(published['checksum']).slice(0, 12)}"`
    expect(published['etag']).toBe(tag)
    expect(answer.headers).toMatchObject({
      etag: tag,
      location: `/admin/config/revisions/${published['revision']}`,
      'x-config-revision': String(published['revision']),
      'cache-control': 'no-store',
    })
    const routed = await waitForCell(bench.target, 'newco', 'tier2')
    expect(routed.json()).toMatchObject({ cell: 'tier2' })
    expect(routed.headers['x-config-revision']).toBe(String(published['revision']))
  })

  it('D72 the same content again is the current revision, whatever its white space and key order', async () => {
    const document = printDocument(bench, 'published twice')
    const first = await publishNew(bench.target, document)
    const turned = Object.fromEntries(Object.entries(document).reverse())
    for (const text of [JSON.stringify(document), JSON.stringify(turned, null, 4)]) {
      const again = await publish(bench.target, text)
      expect(again.status).toBe(200)
      expect(again.json()).toMatchObject({ revision: first.revision, etag: first.etag })
    }
    expect((await readHistory(bench.target))[0]?.revision).toBe(first.revision)
  })

  it('D72 other content under the same label is a new revision', async () => {
    const document = printDocument(bench, 'one label')
    const first = await publishNew(bench.target, document)
    const second = await publishNew(bench.target, {
      ...document,
      routingTable: { ...document.routingTable, second: 'tier1' },
    })
    expect(second).toMatchObject({ revision: first.revision + 1, label: 'one label' })
  })

  it('D84 a document of the baseline is accepted as it is and routes as its translation does', async () => {
    const { cells, document: m4 } = bench.fixture
    const { placements: _, ...shared } = m4
    const cellEndpoints = Object.fromEntries(Object.values(cells).map((c) => [c.name, c.url]))
    const keys = ['visa', 'acme', 'globex', 'initech', 'nobody']
    const routesOf = async (document: unknown) => {
      await publishAndWait(bench.target, document)
      return Promise.all(
        keys.map(async (key) => {
          const { headers, text } = await send(bench.target, { path: '/where', key })
          const { cell } = JSON.parse(text) as { cell: string }
          return [key, cell, headers['x-routed-to'], headers['x-route-reason']]
        }),
      )
    }
    const legacy = await routesOf({ ...shared, version: 'legacy 1', cellEndpoints })
    expect(legacy).toEqual([
      ['visa', 'visa', 'visa', 'dedicated'],
      ['acme', 'tier1', 'tier1', 'tier'],
      ['globex', 'tier2', 'tier2', 'tier'],
      ['initech', 'tier3', 'tier3', 'tier'],
      ['nobody', 'tier3', 'tier3', 'default'],
    ])
    expect(await routesOf({ ...m4, version: 'm4 1' })).toEqual(legacy)
    expect(await routesOf(printDocument(bench, 'schema 1'))).toEqual(legacy)
    const [, m4Row, legacyRow] = await readHistory(bench.target)
    expect([m4Row?.label, legacyRow?.label]).toEqual(['m4 1', 'legacy 1'])
  })

  it('C18 a storm of publishes keeps every acknowledged one, and traffic ends on the last', async () => {
    // 50 a second for 10 s; behind the development proxy only as many as it carries in that time.
    const count = bench.target.kind === 'serve' ? 500 : 150
    const base = printDocument(bench, 'before the storm')
    const { revision } = await publishAndWait(bench.target, base)
    const publishes: Promise<{ revision: number; label: string }>[] = []
    const storm = async () => {
      const started = performance.now()
      for (let sent = 1; sent <= count; sent++) {
        const document = { ...base, label: `storm ${sent}` }
        publishes.push(publishNew(bench.target, document))
        await pause(Math.max(0, started + sent * 20 - performance.now()))
      }
      await Promise.all(publishes)
    }
    const probes = await probeDuring(
      { perSecond: 20, inFlight: 1 },
      () => probeRevision(bench),
      storm,
    )
    const acked = await Promise.all(publishes)

    const history = new Map((await readHistory(bench.target, 1_000)).map((r) => [r.revision, r]))
    for (const { revision: number, label } of acked) expect(history.get(number)?.label).toBe(label)
    expect(new Set(acked.map((a) => a.revision)).size).toBe(count)
    const last = revision + count
    expect((await readCurrent(bench.target)).revision).toBe(last)
    await waitUntilServed(bench.target, last)
    expect(await probeRevision(bench)).toBe(last)
    // Fewer than were published: an isolate goes to the newest, not through each of them.
    expect(new Set(probes).size).toBeLessThan(count)
    expect(probes).toEqual(probes.toSorted((a, b) => a - b))
  }, 60_000)

  it('D71 without, with a wrong and with a read token nothing is published', async () => {
    const before = await readCurrent(bench.target)
    const document = printDocument(bench, 'never published')
    const missing = await publish(bench.target, document, { token: null })
    const wrong = await publish(bench.target, document, { token: `${bench.target.token}x` })
    const other = await publish(bench.target, 'not even JSON', { token: 'x' })
    for (const answer of [missing, wrong, other])
      expectProblem(answer, { status: 401, code: 'unauthorized' })
    const bodies = [missing, wrong, other].map((answer) => ({ ...answer.json(), instance: '' }))
    expect(bodies[1]).toEqual(bodies[0])
    expect(bodies[2]).toEqual(bodies[0])
    expect(await readCurrent(bench.target)).toEqual(before)
  })
}

async function probeRevision({ target }: Bench): Promise<number> {
  const answer = await send(target, { path: '/probe', key: 'visa' })
  expect(answer.status).toBe(200)
  return Number(answer.headers['x-config-revision'])
}
