import type { ServerResponse } from 'node:http'
import { describe, expect, it } from 'vitest'
import { publishAndWait } from '../support/api.ts'
import { expectProblem, useBench } from '../support/conformance.ts'
import { open, readAnswer, send } from '../support/http.ts'
import { TARGET_KINDS } from '../support/targets.ts'

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function* sendSlowly(): AsyncGenerator<Uint8Array> {
  for (let sent = 0; sent < 5; sent++) {
    yield Buffer.from(`part ${sent};`)
    await pause(500)
  }
}

/** Sends its parts with a pause between them, and never ends by itself within the test. */
async function drip(response: ServerResponse, pauseMs: number): Promise<void> {
  response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': '1000' })
  for (let sent = 0; sent < 20 && !response.destroyed; sent++) {
    response.write('part;')
    await pause(pauseMs)
  }
}

describe.each(TARGET_KINDS)('deadlines that are not the headers’ own, npm target %s', (kind) => {
  let revision = 0
  const bench = useBench(kind, async ({ target, fixture }) => {
    const endpoints = [fixture.cells.visa.url]
    const published = await publishAndWait(target, {
      schema: 1,
      routingTable: { plain: 'plain', limited: 'limited', idle: 'idle', total: 'total' },
      defaultPlacement: 'plain',
      placements: {
        plain: { endpoints, timeouts: { headers: '1s' } },
        limited: { endpoints, timeouts: { headers: '1s' }, concurrencyLimit: 10 },
        idle: { endpoints, timeouts: { idle: '300ms' } },
        total: { endpoints, timeouts: { total: '1s' } },
      },
    })
    revision = published.revision
  })
  const cell = () => bench.fixture.cells.visa

  it.each(['plain', 'limited'])(
    'D23 an upload may take longer than the deadline for headers, placement %s',
    async (key) => {
      const answer = await send(bench.target, {
        method: 'POST',
        path: '/slow',
        key,
        body: sendSlowly(),
      })
      expect(answer.status).toBe(200)
      expect(answer.json()['bodyBytes']).toBe(35)
    },
  )

  it.each(['plain', 'limited'])(
    'D60 the deadline for headers begins when the upload has ended, placement %s',
    async (key) => {
      cell().answer('/silent-after', () => undefined)
      const answer = await send(bench.target, {
        method: 'POST',
        path: '/silent-after',
        key,
        body: 'all of it',
      })
      expectProblem(answer, { status: 504, code: 'upstream_timeout', revision })
    },
  )

  it('a pause that is longer than the idle deadline cuts the answer, a shorter one does not', async () => {
    cell().answer('/steady', async (_, response) => {
      response.writeHead(200)
      for (let sent = 0; sent < 5; sent++) {
        response.write('part;')
        await pause(100)
      }
      response.end()
    })
    cell().answer('/stalls', (_, response) => drip(response, 2_000))
    expect((await send(bench.target, { path: '/steady', key: 'idle' })).text).toBe(
      'part;'.repeat(5),
    )
    const stalled = open(bench.target, { path: '/stalls', key: 'idle' }).response.then(readAnswer)
    await expect(stalled).rejects.toThrow()
  })

  it('F10 the total deadline cuts an answer that drips on, and gives 504 before its headers', async () => {
    cell().answer('/drips-on', (_, response) => drip(response, 200))
    cell().answer('/never', () => undefined)
    const cut = open(bench.target, { path: '/drips-on', key: 'total' }).response.then(readAnswer)
    await expect(cut).rejects.toThrow()
    const never = await send(bench.target, { path: '/never', key: 'total' })
    expectProblem(never, { status: 504, code: 'upstream_timeout', revision })
  })
})
