import { expect, it } from 'vitest'
import { publishAndWait, waitUntilServed } from '../../support/api.ts'
import type { Bench } from '../../support/conformance.ts'
import { send } from '../../support/http.ts'
import { type Origin, startOrigin } from '../../support/origin.ts'
import { type Document, pause, probeDuring, publishNew } from './ask.ts'

/** Each request sees one revision, whole, while revisions change under it. */
export function describeAtomicity(bench: Bench): void {
  it('D79 no response mixes the table of one revision with the endpoints of another, and none fails', async () => {
    const [one, two] = await Promise.all([startOrigin('one'), startOrigin('two')])
    try {
      const { revision: first } = await publishAndWait(bench.target, printHalf(one, 'p1'))
      const answers = await probeDuring(
        { perSecond: 200 },
        () => send(bench.target, { path: '/half', key: 'k' }),
        () => alternate(bench, first, [printHalf(one, 'p1'), printHalf(two, 'p2')]),
      )
      const seen = answers.map(({ status, headers, text }) => ({
        status,
        revision: Number(headers['x-config-revision']),
        placement: headers['x-routed-to'],
        origin: status === 200 ? (JSON.parse(text) as { cell: string }).cell : text,
      }))
      const mixed = seen.filter(({ status, revision, placement, origin }) => {
        const isFirst = (revision - first) % 2 === 0
        const expected = isFirst ? ['p1', 'one'] : ['p2', 'two']
        return status !== 200 || placement !== expected[0] || origin !== expected[1]
      })
      expect(mixed).toEqual([])
      expect(new Set(seen.map(({ origin }) => origin))).toEqual(new Set(['one', 'two']))
      expect(Math.max(...seen.map(({ revision }) => revision))).toBeGreaterThan(first + 1)
    } finally {
      await Promise.all([one.close(), two.close()])
    }
  })

  it('C07 two keys that flip together are never seen flipped apart', async () => {
    const [old, fresh] = await Promise.all([startOrigin('old'), startOrigin('new')])
    const ask = async (key: string) => {
      const answer = await send(bench.target, { path: '/pair', key })
      const cell = answer.status === 200 ? answer.headers['x-cell-name'] : answer.status
      return { cell, revision: Number(answer.headers['x-config-revision']) }
    }
    try {
      const { revision: first } = await publishAndWait(bench.target, printPair(old))
      const pairs = await probeDuring(
        { perSecond: 50 },
        async () => [await ask('a'), await ask('b')] as const,
        () => alternate(bench, first, [printPair(old), printPair(fresh)]),
      )
      const cellOf = (revision: number) => ((revision - first) % 2 === 0 ? 'old' : 'new')
      const torn = pairs.filter(
        ([a, b]) =>
          a.cell !== cellOf(a.revision) || b.cell !== cellOf(b.revision) || b.revision < a.revision,
      )
      expect(torn).toEqual([])
      expect(new Set(pairs.flatMap(([a, b]) => [a.cell, b.cell]))).toEqual(new Set(['old', 'new']))
    } finally {
      await Promise.all([old.close(), fresh.close()])
    }
  })
}

const FLIPS = 20
const BETWEEN_FLIPS_MS = 150

/** Publishes the two documents in turn, the second first, and waits until the last is served. */
async function alternate(
  { target }: Bench,
  first: number,
  documents: readonly [Document, Document],
): Promise<void> {
  for (let flip = 1; flip <= FLIPS; flip++) {
    const document = documents[flip % 2 === 0 ? 0 : 1]
    const { revision } = await publishNew(target, document)
    expect(revision).toBe(first + flip)
    await pause(BETWEEN_FLIPS_MS)
  }
  await waitUntilServed(target, first + FLIPS)
}

/** Both placements exist in both documents; table and endpoints change together. */
const printHalf = ({ url }: Origin, placement: string): Document => ({
  schema: 1,
  label: `half ${placement}`,
  routingTable: { k: placement },
  defaultPlacement: 'p1',
  placements: { p1: { endpoints: [url] }, p2: { endpoints: [url] } },
})

const printPair = ({ url, name }: Origin): Document => ({
  schema: 1,
  label: `pair ${name}`,
  routingTable: { a: 'left', b: 'right' },
  defaultPlacement: 'left',
  placements: { left: { endpoints: [`${url}/left`] }, right: { endpoints: [`${url}/right`] } },
})
