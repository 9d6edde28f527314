import { expect, it } from 'vitest'
import { explain, publish, publishAndWait } from '../../support/api.ts'
import { type Bench, expectProblem } from '../../support/conformance.ts'
import { send } from '../../support/http.ts'
import { seedRandom } from '../../support/random.ts'
import { type Document, printDocument, readCurrent, readHistory } from './ask.ts'

/** Dry runs, and keys that a careless program takes for its own. */
export function describeLimits(bench: Bench): void {
  it('C14 a dry run has the verdict of a publish, for hundreds of documents, and stores nothing', async () => {
    // The development proxy is slow: the verdicts are the same code, so fewer will do.
    const count = bench.target.kind === 'serve' ? 500 : 100
    const before = await readCurrent(bench.target)
    let stored = before.revision
    const differing: unknown[] = []
    const seenStatuses = new Set<string>()
    for (const document of generateDocuments(printDocument(bench), count)) {
      const dry = await publish(bench.target, document, { dryRun: true })
      const real = await publish(bench.target, document)
      const verdicts = [dry, real].map(({ status, text }) => {
        const { errors, changes, warnings, checksum } = JSON.parse(text) as Record<string, unknown>
        return JSON.stringify({ isAccepted: status < 300, errors, changes, warnings, checksum })
      })
      const statuses = [dry.status, real.status]
      const isSame = verdicts[0] === verdicts[1] && String(statuses) in EXPECTED_STATUSES
      if (!isSame) differing.push({ document, statuses, verdicts })
      if (real.status === 201) stored++
      seenStatuses.add(String(statuses))
    }
    expect(differing).toEqual([])
    expect((await readCurrent(bench.target)).revision).toBe(stored)
    expect((await readHistory(bench.target, 1_000)).length).toBe(stored)
    expect(seenStatuses).toEqual(new Set(Object.keys(EXPECTED_STATUSES)))
  }, 60_000)

  it('C14 a dry run answers what would change, and the current revision stays', async () => {
    const before = await readCurrent(bench.target)
    const document = printDocument(bench, 'only tried')
    document.routingTable['tried'] = 'visa'
    const answer = await publish(bench.target, document, { dryRun: true })
    expect(answer.status).toBe(200)
    expect(answer.json()).toMatchObject({
      label: 'only tried',
      changes: { routingTable: { added: [{ key: 'tried', to: 'visa' }] } },
    })
    expect(await readCurrent(bench.target)).toEqual(before)
  })

  it('C16 __proto__, constructor and prototype are refused as names at every level', async () => {
    const before = await readCurrent(bench.target)
    const text = JSON.stringify(printDocument(bench, 'hostile'))
    const spots = {
      '': '{',
      '/routingTable': '"routingTable":{',
      '/placements': '"placements":{',
      '/placements/visa': '"visa":{',
    }
    for (const name of HOSTILE)
      for (const [pointer, start] of Object.entries(spots)) {
        const hostile = text.replace(
          start,
          `${start}"${name}":{"endpoints":["https://a.example"]},`,
        )
        expect(hostile).not.toBe(text)
        const answer = await publish(bench.target, hostile)
        expectProblem(answer, { status: 422, code: 'invalid_config' })
        const { errors } = answer.json() as { errors: { pointer: string }[] }
        expect(errors.map((error) => error.pointer)).toContain(`${pointer}/${name}`)
      }
    expect(await readCurrent(bench.target)).toEqual(before)
  })

  it('C16 afterwards "endpoint" and "constructor" are unknown keys like any other', async () => {
    const { revision } = await publishAndWait(bench.target, printDocument(bench, 'still plain'))
    for (const key of ['endpoint', 'constructor', '__proto__', 'prototype', 'toString']) {
      const { status, headers } = await send(bench.target, { path: '/where', key })
      expect([status, headers['x-routed-to'], headers['x-route-reason']]).toEqual([
        200,
        'tier3',
        'default',
      ])
      const explained = await explain(bench.target, key)
      expect(explained.json()).toMatchObject({ revision, placement: 'tier3', reason: 'default' })
    }
  })
}

/** Valid and broken ones, and some twice in a row; the same at every run. */
function* generateDocuments(base: Document, count: number): Generator<Document> {
  const names = Object.keys(base.placements)
  const random = seedRandom(20_261_101)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const changes: ((document: Document, name: string) => unknown)[] = [
    (d, name) => Object.assign(d.routingTable, { [`key-${random()}`]: name }),
    (d, name) => Object.assign(d, { defaultPlacement: name }),
    (d, name) => Object.assign(d.placements[name] ?? {}, { fallback: [pick(names)] }),
    (d, name) => Object.assign(d.placements[name] ?? {}, { concurrencyLimit: pick([1, 9, 0]) }),
    (d, name) => Object.assign(d.placements[name] ?? {}, { timeouts: { headers: pick(TIMES) } }),
    (d, name) => Object.assign(d.placements[name] ?? {}, { balance: pick(['weighted', 'luck']) }),
    (d) => Object.assign(d.routingTable, { acme: pick([...names, 'nowhere']) }),
    (d) => Object.assign(d, { label: pick(['a', 'b', 7]) }),
  ]
  let document = base
  for (let made = 0; made < count; made++) {
    if (made % 10 > 0) {
      document = structuredClone(base)
      const times = 1 + Math.floor(random() * 3)
      for (let i = 0; i < times; i++) pick(changes)(document, pick(names))
    }
    yield document
  }
}

const TIMES = ['1s', '250ms', '2d', 'soon']
const HOSTILE = ['__proto__', 'constructor', 'prototype'] as const
/** Dry run and publish: accepted and stored, the current content again, refused. */
const EXPECTED_STATUSES = { '200,201': true, '200,200': true, '422,422': true }
