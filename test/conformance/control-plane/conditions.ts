import { expect, it } from 'vitest'
import { publish } from '../../support/api.ts'
import { type Bench, expectProblem } from '../../support/conformance.ts'
import { printDocument, publishNew, readCurrent, readHistory } from './ask.ts'

/** Publishing over what was seen (If-Match), and once (Idempotency-Key). */
export function describeConditions(bench: Bench): void {
  it('C01 a publish that names the current ETag becomes the next revision, with its own ETag', async () => {
    const before = await readCurrent(bench.target)
    const document = printDocument(bench, `over ${before.revision}`)
    const published = await publishNew(bench.target, document, { 'If-Match': before.etag })
    expect(published.revision).toBe(before.revision + 1)
    expect(published.etag).not.toBe(before.etag)
    expect(await readCurrent(bench.target)).toMatchObject({
      revision: published.revision,
      etag: published.etag,
      text: JSON.stringify(document),
    })
  })

  it('C02 D73 a publish over an older ETag is refused, names the current revision and changes nothing', async () => {
    const older = await readCurrent(bench.target)
    const newer = await publishNew(bench.target, printDocument(bench, `after ${older.revision}`))
    const answer = await publish(bench.target, printDocument(bench, 'too late'), {
      headers: { 'If-Match': older.etag },
    })
    expectProblem(answer, { status: 412, code: 'stale_revision' })
    const { revision, etag, publishedAt, author } = newer
    expect(answer.json()['current']).toEqual({ revision, etag, publishedAt, author })
    expect((await readCurrent(bench.target)).etag).toBe(newer.etag)
  })

  it('D73 twenty parallel publishes become twenty revisions in one order, none lost', async () => {
    const before = await readCurrent(bench.target)
    const drafts = Array.from({ length: 20 }, (_, i) =>
      printDocument(bench, `parallel ${before.revision}/${i}`),
    )
    const published = await Promise.all(drafts.map((draft) => publishNew(bench.target, draft)))
    const sorted = published.toSorted((a, b) => a.revision - b.revision)
    expect(sorted.map(({ revision }) => revision)).toEqual(
      Array.from({ length: 20 }, (_, i) => before.revision + 1 + i),
    )
    const rows = (await readHistory(bench.target)).slice(0, 20).reverse()
    expect(rows.map(({ label, parent }) => [label, parent])).toEqual(
      sorted.map(({ label, revision }) => [label, revision - 1]),
    )
  })

  it('D73 of twenty parallel publishes over the same ETag exactly one is accepted', async () => {
    const before = await readCurrent(bench.target)
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        publish(bench.target, printDocument(bench, `race ${before.revision}/${i}`), {
          headers: { 'If-Match': before.etag },
        }),
      ),
    )
    const statuses = answers.map(({ status }) => status).sort()
    expect(statuses).toEqual([201, ...Array.from({ length: 19 }, () => 412)])
    expect((await readCurrent(bench.target)).revision).toBe(before.revision + 1)
  })

  it('C04 the same Idempotency-Key again gets the first answer and makes no second revision', async () => {
    const before = await readCurrent(bench.target)
    const document = printDocument(bench, `once ${before.revision}`)
    const headers = { 'Idempotency-Key': `once-${before.revision}` }
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => publish(bench.target, document, { headers })),
    )
    const later = await publishNew(bench.target, printDocument(bench, `later ${before.revision}`))
    const again = await publish(bench.target, document, { headers })
    for (const answer of [...answers, again]) {
      expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 201 })
      expect(answer.json()).toMatchObject({ revision: before.revision + 1, label: document.label })
    }
    expect((await readCurrent(bench.target)).revision).toBe(later.revision)
    expect(later.revision).toBe(before.revision + 2)
  })

  it('C04 an Idempotency-Key with another document is refused and nothing is published', async () => {
    const before = await readCurrent(bench.target)
    const headers = { 'Idempotency-Key': `reused-${before.revision}` }
    const first = await publishNew(bench.target, printDocument(bench, 'the first body'), headers)
    const answer = await publish(bench.target, printDocument(bench, 'another body'), { headers })
    expectProblem(answer, { status: 422, code: 'idempotency_key_reused' })
    expect((await readCurrent(bench.target)).revision).toBe(first.revision)
  })
}
