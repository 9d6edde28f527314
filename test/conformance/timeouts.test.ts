import { describe, expect, it } from 'vitest'
import { publishAndWait } from '../support/api.ts'
import { expectProblem, useBench } from '../support/conformance.ts'
import { open, pollUntil, readAnswer, send } from '../support/http.ts'
import { startOrigin } from '../support/origin.ts'
import { TARGET_KINDS } from '../support/targets.ts'

describe.each(TARGET_KINDS)('deadlines and lost cells, npm target %s', (kind) => {
  let revision = 0
  const bench = useBench(kind, async ({ target, fixture }) => {
    const gone = await startOrigin('gone')
    await gone.close() // Its port is closed from now on.
    const timeouts = { headers: '1s' }
    const published = await publishAndWait(target, {
      schema: 1,
      routingTable: { visa: 'visa', limited: 'limited', gone: 'gone' },
      defaultPlacement: 'visa',
      placements: {
        visa: { endpoints: [fixture.cells.visa.url], timeouts },
        limited: { endpoints: [fixture.cells.visa.url], timeouts, concurrencyLimit: 10 },
        gone: { endpoints: [gone.url] },
      },
    })
    revision = published.revision
  })
  const visa = () => bench.fixture.cells.visa

  it.each(['visa', 'limited'])(
    'D60 D30 a cell that sends no headers in time gives 504, placement %s',
    async (key) => {
      visa().answer('/silent', () => undefined)
      const startedAt = performance.now()
      const answer = await send(bench.target, { path: '/silent', key })
      expect(performance.now() - startedAt).toBeGreaterThan(900)
      expectProblem(answer, { status: 504, code: 'upstream_timeout', revision })
      // The request to the cell is given up, not left behind.
      await pollUntil(
        async () => visa().last('/silent').aborted,
        (aborted) => aborted,
      )
    },
  )

  it.each(['visa', 'limited'])(
    'D61 a body that takes longer than the deadline for headers is not cut, placement %s',
    async (key) => {
      visa().answer('/drips', async (_, response) => {
        response.writeHead(200)
        for (let sent = 0; sent < 5; sent++) {
          response.write(`${sent};`)
          await new Promise((resolve) => setTimeout(resolve, 500))
        }
        response.end('end')
      })
      const answer = await send(bench.target, { path: '/drips', key })
      expect({ status: answer.status, text: answer.text }).toEqual({
        status: 200,
        text: '0;1;2;3;4;end',
      })
    },
  )

  it('D22 each chunk of a stream reaches the client before the cell sends the next', async () => {
    const steps = Array.from({ length: 5 }, () => Promise.withResolvers<void>())
    visa().answer('/stream', async (_, response) => {
      response.writeHead(200, { 'Content-Type': 'text/plain' })
      for (const [index, step] of steps.entries()) {
        response.write(`chunk ${index}\n`)
        await step.promise
      }
      response.end()
    })
    const message = await open(bench.target, { path: '/stream', key: 'limited' }).response
    const chunks = message.setEncoding('utf8')[Symbol.asyncIterator]()
    for (const [index, step] of steps.entries()) {
      expect(await chunks.next()).toEqual({ done: false, value: `chunk ${index}\n` })
      step.resolve()
    }
    expect((await chunks.next()).done).toBe(true)
  })

  it.each(['GET', 'POST'])('D30 %s to a cell that nobody listens for gives 502', async (method) => {
    const answer = await send(bench.target, { method, path: '/x', key: 'gone' })
    expectProblem(answer, { status: 502, code: 'upstream_unreachable', revision })
  })

  it('D30 a cell that hangs up before its headers gives 502', async () => {
    visa().answer('/hangs-up', (_, response) => {
      response.destroy()
    })
    const answer = await send(bench.target, { method: 'POST', path: '/hangs-up', key: 'visa' })
    expectProblem(answer, { status: 502, code: 'upstream_unreachable', revision })
    expect(visa().count('/hangs-up')).toBe(1)
  })

  it('D30 F13 a body that the cell breaks off is broken off for the client, never completed', async () => {
    for (const key of ['visa', 'limited']) {
      visa().answer('/breaks', (_, response) => {
        response.writeHead(200, { 'Content-Length': '1000' })
        response.write('the first part', () => response.destroy())
      })
      const cut = open(bench.target, { path: '/breaks', key }).response.then(readAnswer)
      await expect(cut, key).rejects.toThrow()
    }
  })
})
