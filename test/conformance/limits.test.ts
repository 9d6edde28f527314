import { describe, expect, it } from 'vitest'
import { publishAndWait } from '../support/api.ts'
import { type Bench, expectProblem, useBench } from '../support/conformance.ts'
import { type Answer, open, pollUntil, readAnswer, resetConnection, send } from '../support/http.ts'
import { holdRequests } from '../support/origin.ts'
import { TARGET_KINDS } from '../support/targets.ts'

const LIMIT = 2
const ROUNDS = 5

/**
 * The development proxy in front of `npm start` is a Worker that does not always notice a reset by
 * the client, so there a slot is free again when the cell has ended its part: its deadline for
 * headers (of `patient`) has passed, or it has ended the body. Plain workerd tells at once.
 */
const PATIENCE = { start: '1s', serve: '60s' } as const

const limitPlacement = (url: string, headers: string) => ({
  endpoints: [url],
  concurrencyLimit: LIMIT,
  timeouts: { headers },
  circuitBreaker: { consecutiveFailures: 1_000 }, // Failures here are on purpose.
})

describe.each(TARGET_KINDS)('concurrency limits, npm target %s', (kind) => {
  let revision = 0
  const bench = useBench(kind, async ({ target, fixture }) => {
    const published = await publishAndWait(target, {
      schema: 1,
      routingTable: { visa: 'visa', patient: 'patient', acme: 'tier1' },
      defaultPlacement: 'tier1',
      placements: {
        visa: limitPlacement(fixture.cells.visa.url, '10s'),
        patient: limitPlacement(fixture.cells.visa.url, PATIENCE[kind]),
        tier1: { endpoints: [fixture.cells.tier1.url] },
      },
    })
    revision = published.revision
  })

  it('D55 D30 the request over the limit is refused while the others still wait', async () => {
    const { visa } = bench.fixture.cells
    const held = await fillSlots(bench)
    const answer = await send(bench.target, { path: '/other', key: 'visa' })
    expectProblem(answer, { status: 429, code: 'concurrency_limit', revision })
    expect(answer.headers['retry-after']).toMatch(/^[1-9]\d*$/)
    expect(visa.count('/other')).toBe(0)
    const neighbour = await send(bench.target, { path: '/other', key: 'acme' })
    expect(neighbour.status).toBe(200)
    held.release()
    expect((await Promise.all(held.answers)).map(({ status }) => status)).toEqual([200, 200])
  })

  it('D55 an answer holds its slot until its body has ended, not just its headers', async () => {
    const ends = Promise.withResolvers<void>()
    bench.fixture.cells.visa.answer('/streams', async (_, response) => {
      response.writeHead(200).write('first')
      await ends.promise
      response.end('last')
    })
    const calls = [1, 2].map(() => open(bench.target, { path: '/streams', key: 'visa' }))
    const messages = await Promise.all(calls.map((call) => call.response))
    expect(messages.map(({ statusCode }) => statusCode)).toEqual([200, 200])
    const answer = await send(bench.target, { path: '/other', key: 'visa' })
    expectProblem(answer, { status: 429, code: 'concurrency_limit', revision })
    ends.resolve()
    const ended = await Promise.all(messages.map(readAnswer))
    expect(ended.map(({ text }) => text)).toEqual(['firstlast', 'firstlast'])
    await expectFreeSlots(bench)
  })

  it('D56 a slot is free again when its request has ended', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const held = await fillSlots(bench)
      held.release()
      await Promise.all(held.answers)
      await expectFreeSlots(bench)
    }
  })

  it('D56 clients that reset the connection before the headers free their slots', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const held = await fillSlots(bench, 'patient')
      held.cut()
      await expectFreeSlots(bench, 'patient')
    }
  })

  it('D56 clients that reset the connection in the middle of the body free their slots', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const cutOff = Promise.withResolvers<void>()
      bench.fixture.cells.visa.answer('/endless', async (_, response) => {
        response.writeHead(200)
        const timer = setInterval(() => response.write('x'.repeat(1_000)), 20)
        response.on('close', () => clearInterval(timer))
        await cutOff.promise
        clearInterval(timer)
        response.end()
      })
      const calls = [1, 2].map(() => open(bench.target, { path: '/endless', key: 'visa' }))
      for (const call of calls) {
        const message = await call.response
        expect(message.statusCode).toBe(200)
        message.on('error', () => undefined)
        await new Promise((resolve) => message.once('data', resolve))
      }
      for (const { request } of calls) resetConnection(request)
      if (kind === 'start') cutOff.resolve()
      await expectFreeSlots(bench)
    }
  })

  it('D56 cells that fail, before or after their headers, free the slots', async () => {
    const { visa } = bench.fixture.cells
    visa.answer('/fails', (_, response) => {
      response.destroy()
    })
    visa.answer('/breaks', (_, response) => {
      response.writeHead(200, { 'Content-Length': '1000' })
      response.write('part', () => response.destroy())
    })
    for (let round = 0; round < ROUNDS; round++) {
      const failed = await send(bench.target, { method: 'POST', path: '/fails', key: 'visa' })
      expect(failed.status).toBe(502)
      await expect(send(bench.target, { path: '/breaks', key: 'visa' })).rejects.toThrow()
    }
    await expectFreeSlots(bench)
  })
})

interface HeldSlots {
  readonly answers: Promise<Answer>[]
  release(): void
  cut(): void
}

/** Takes every slot of the placement: returns once the cell has all requests and answers none. */
async function fillSlots({ target, fixture }: Bench, key = 'visa'): Promise<HeldSlots> {
  const { visa } = fixture.cells
  const hold = holdRequests('visa')
  visa.answer('/held', hold)
  const calls = Array.from({ length: LIMIT }, () => open(target, { path: '/held', key }))
  await pollUntil(
    async () => hold.held,
    (held) => held === LIMIT,
  )
  const answers = calls.map((call) => call.response.then(readAnswer))
  for (const answer of answers) answer.catch(() => undefined)
  return {
    answers,
    release: hold.release,
    cut: () => {
      for (const { request } of calls) resetConnection(request)
    },
  }
}

/** All slots, not just one: fills them again, and lets go. A slot that leaked makes it time out. */
async function expectFreeSlots({ target, fixture }: Bench, key = 'visa'): Promise<void> {
  await pollUntil(
    async () => {
      const hold = holdRequests('visa')
      fixture.cells.visa.answer('/probe', hold)
      const calls = Array.from({ length: LIMIT }, () => send(target, { path: '/probe', key }))
      const first = await Promise.race([
        ...calls.map(async (call) => (await call).status),
        pollUntil(
          async () => hold.held,
          (held) => held === LIMIT,
        ).then(() => 'all held' as const),
      ])
      hold.release()
      await Promise.all(calls)
      return first
    },
    (first) => first === 'all held',
    5_000,
  )
}
