import { describe, expect, it } from 'vitest'
import { getDebugConfig, publishAndWait, waitUntilServed } from '../support/api.ts'
import { send } from '../support/http.ts'
import { type StoodIn, useStandIns } from '../support/stand-in/pair.ts'
import { pause, printDocument, probeDuring, publishNew, readCurrent } from './control-plane/ask.ts'

const INTERVAL_MS = 5_000

describe('a router whose coordinator fails, npm targets start and serve', () => {
  const onEach = useStandIns()

  const MODES = [
    { mode: 'throw', id: 'F01 F03 F04', publishes: 1 },
    { mode: 'hang', id: 'F02', publishes: 1 },
    { mode: 'garbage', id: '', publishes: 5 },
  ] as const
  it.each(MODES)(
    'D80 $id a coordinator that answers with "$mode" costs no request',
    ({ mode, publishes }) =>
      onEach(async (one) => {
        const { target, control } = one
        const { revision } = await publishAndWait(target, printDocument(one, `before ${mode}`))
        const unharmed = { status: 200, revision, cell: 'visa' }
        const answers = await probeDuring(
          { perSecond: 40 },
          () => probe(one),
          async () => {
            control.set('refresh', mode)
            // Each publish makes the isolate ask at once, and what it hears is of no use.
            for (let i = 1; i <= publishes; i++) {
              await control.waitForQuestions('refresh', 1, () =>
                publishNew(target, printDocument(one, `during ${mode} ${i}`)),
              )
              expect(await probe(one)).toEqual(unharmed)
            }
            // Its own next question; after five failures that would take too long.
            if (publishes === 1) await control.waitForQuestions('refresh', 1)
          },
        )
        for (const answer of answers) expect(answer).toEqual(unharmed)
        // Whatever kind of failure it was: nobody asks again at once.
        const asked = control.questions.filter((one) => one.gate === 'refresh').map(({ at }) => at)
        if (publishes === 1)
          expect((asked.at(-1) ?? 0) - (asked.at(-2) ?? 0)).toBeGreaterThan(1_000)
        expect(await getDebugConfig(target)).toMatchObject({ revision, source: 'coordinator' })
        control.set('refresh', 'pass')
        await publishAndWait(target, printDocument(one, `after ${mode}`))
      }),
  )

  it('D82 when the coordinator is back, traffic goes to the newest revision by itself', () =>
    onEach(async (one) => {
      const { target, control } = one
      const { revision } = await publishAndWait(target, printDocument(one, 'before the outage'))
      control.set('refresh', 'throw')
      const newer = printDocument(one, 'during the outage')
      newer.routingTable['visa'] = 'tier1'
      await control.waitForQuestions('refresh', 1, () => publishNew(target, newer))
      expect(await probe(one)).toEqual({ status: 200, revision, cell: 'visa' })
      control.set('refresh', 'pass')
      const answers = await probeDuring(
        { perSecond: 20 },
        () => probe(one),
        () => waitUntilServed(target, revision + 1),
      )
      const old = { status: 200, revision, cell: 'visa' }
      const fresh = { status: 200, revision: revision + 1, cell: 'tier1' }
      for (const answer of answers)
        expect(answer).toEqual(answer.revision === revision ? old : fresh)
      expect(await probe(one)).toEqual(fresh)
    }))

  it('C09 an isolate never goes back, whatever older revision the coordinator hands out', () =>
    onEach(async (one) => {
      const { target, control } = one
      for (const label of ['one', 'two', 'three'])
        await publishAndWait(target, printDocument(one, `${label} of three`))
      const { revision } = await readCurrent(target)
      control.set('refresh', 'older')
      const answers = await probeDuring(
        { perSecond: 40, inFlight: 1 },
        () => probe(one),
        async () => {
          // An older revision, honestly, and one under the number of a newer.
          for (const label of ['four', 'five'])
            await control.waitForQuestions('refresh', 1, () =>
              publishNew(target, printDocument(one, `${label} of five`)),
            )
          control.set('refresh', 'pass')
          await publishAndWait(target, printDocument(one, 'six of six'))
        },
      )
      answers.push(await probe(one))
      const seen = answers.map((answer) => answer.revision)
      expect(seen).toEqual(seen.toSorted((a, b) => a - b))
      expect(new Set(seen)).toEqual(new Set([revision, revision + 3]))
      for (const { status } of answers) expect(status).toBe(200)
    }))

  it('C10 a revision that came in elsewhere is served within the interval and a second', () =>
    onEach(async (one) => {
      const { target, control } = one
      const { revision } = await publishAndWait(target, printDocument(one, 'here'))
      const elsewhere = printDocument(one, 'elsewhere')
      elsewhere.routingTable['visa'] = 'tier2'
      const started = performance.now()
      control.publishAtNextRefresh(JSON.stringify(elsewhere))
      const answers = await probeDuring(
        { perSecond: 20 },
        async () => ({ at: performance.now() - started, ...(await probe(one)) }),
        () => pause(INTERVAL_MS + 2_000),
      )
      const late = answers.filter(({ at }) => at > INTERVAL_MS + 1_000)
      expect(late.length).toBeGreaterThan(0)
      const fresh = { status: 200, revision: revision + 1, cell: 'tier2' }
      for (const { at: _, ...answer } of late) expect(answer).toEqual(fresh)
      expect(answers[0]).toMatchObject({ status: 200, revision, cell: 'visa' })
    }))
})

/** One routed request, in short. */
async function probe({ target }: StoodIn) {
  const { status, headers } = await send(target, { path: '/probe', key: 'visa' })
  return { status, revision: Number(headers['x-config-revision']), cell: headers['x-cell-name'] }
}
