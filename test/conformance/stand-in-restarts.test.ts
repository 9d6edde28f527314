import { describe, expect, it } from 'vitest'
import { getDebugConfig, publish, publishAndWait } from '../support/api.ts'
import { expectProblem } from '../support/conformance.ts'
import { type Answer, type Call, open, readAnswer, send } from '../support/http.ts'
import type { Gate } from '../support/stand-in/orders.ts'
import {
  removeColoCache,
  removeReplica,
  type StoodIn,
  useStandIns,
} from '../support/stand-in/pair.ts'
import { printDocument, publishNew, readCurrent, readHistory } from './control-plane/ask.ts'

describe('a router that is killed, or starts without its coordinator', () => {
  const onEach = useStandIns()

  it('C15 a document of 1 MiB is published, larger than 8 MiB or too deep is not, and nothing is reset', () =>
    onEach(async (one) => {
      const { target, control } = one
      const small = printDocument(one, 'one mebibyte')
      const size = 1024 * 1024
      for (let i = 0; JSON.stringify(small).length < size; i += 1_000)
        for (let key = i; key < i + 1_000; key++) small.routingTable[`customer-${key}`] = 'tier1'
      const published = await publishAndWait(target, small)
      const routed = await send(target, { path: '/where', key: 'customer-17' })
      expect(routed.headers['x-routed-to']).toBe('tier1')
      const life = control.questions.at(-1)?.life

      const tooLarge = { status: 413, code: 'body_too_large' }
      for (const mebibytes of [10, 30])
        expectProblem(await announceBlanks(one, mebibytes * size), tooLarge)
      expectProblem(await sendBlanks(one, 10 * size), tooLarge)
      const depth = `{"schema": 1, "label": ${'['.repeat(10_000)}${']'.repeat(10_000)}}`
      expectProblem(await publish(target, depth), { status: 400, code: 'invalid_json' })

      const current = await readCurrent(target)
      expect(current.revision).toBe(published.revision)
      const next = await publishNew(target, printDocument(one, 'after the large ones'))
      expect(next.revision).toBe(published.revision + 1)
      expect(control.questions.at(-1)?.life).toBe(life)
    }))

  const KILLS: { gate: Gate; when: string }[] = [
    { gate: 'before-publish', when: 'before the revision is stored' },
    { gate: 'after-publish', when: 'when it is stored and not yet acknowledged' },
  ]
  it.each(KILLS)(
    'C04 killed $when, the same Idempotency-Key again gives one revision',
    ({ gate }) =>
      onEach(async (one) => {
        const { target, control } = one
        const before = await readCurrent(target)
        const document = printDocument(one, `killed ${gate}`)
        const headers = { 'Idempotency-Key': `killed-${gate}` }
        control.set(gate, 'hang')
        let isAnswered = false
        await control.waitForQuestions(gate, 1, async () => {
          publish(target, document, { headers }).then(
            () => {
              isAnswered = true
            },
            () => undefined,
          )
        })
        await target.kill()
        expect(isAnswered).toBe(false)
        control.set(gate, 'pass')
        await target.restart()
        const isStored = gate === 'after-publish'
        expect((await readCurrent(target)).revision).toBe(before.revision + (isStored ? 1 : 0))
        for (let times = 0; times < 2; times++) {
          const answer = await publish(target, document, { headers })
          expect(answer.status).toBe(201)
          expect(answer.json()).toMatchObject({ revision: before.revision + 1 })
        }
        const rows = (await readHistory(target)).filter(({ label }) => label === document.label)
        expect(rows.map(({ revision }) => revision)).toEqual([before.revision + 1])
      }),
  )

  it('D81 a cold start without coordinator and replica serves the bundled bootstrap, and D82 goes on from there', () =>
    onEach(async (one) => {
      const { target, control } = one
      const { revision } = await readCurrent(target)
      control.set('before-alarm', 'throw') // Nothing writes the replica again.
      await target.kill()
      removeReplica(target)
      control.set('refresh', 'throw')
      await target.restart()
      for (const cell of ['visa', 'tier1']) {
        const key = cell === 'visa' ? 'visa' : 'acme'
        const answer = await send(target, { path: '/cold', key })
        expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 200 })
        expect(answer.json()).toMatchObject({ cell, message: `Hello from ${cell}!` })
        expect(answer.headers['x-config-revision']).toBe('0')
      }
      expect(await getDebugConfig(target)).toMatchObject({ source: 'bootstrap', revision: 0 })
      control.set('refresh', 'pass')
      await serveUntil(one, revision)
      expect(await getDebugConfig(target)).toMatchObject({ source: 'coordinator', revision })
    }))

  it('D81 a cold start without coordinator serves the replica, and D82 goes on from there', () =>
    onEach(async (one) => {
      const { target, control } = one
      const document = printDocument(one, 'in the replica')
      document.routingTable['visa'] = 'tier2'
      control.set('before-alarm', 'pass')
      await control.waitForQuestions('after-alarm', 1, () => publishNew(target, document))
      const { revision } = await readCurrent(target)
      control.set('refresh', 'throw')
      await target.kill()
      removeColoCache(target)
      await target.restart()
      const answer = await send(target, { path: '/cold', key: 'visa' })
      expect([answer.status, answer.headers['x-routed-to']]).toEqual([200, 'tier2'])
      expect(await getDebugConfig(target)).toMatchObject({ source: 'replica', revision })
      const newer = await publish(target, printDocument(one, 'newer than the replica'))
      expect(newer.status).toBe(201)
      control.set('refresh', 'pass')
      await serveUntil(one, revision + 1)
    }))
})

/** Sends traffic until it is routed by that revision: an isolate without requests asks nobody. */
async function serveUntil({ target }: StoodIn, revision: number): Promise<void> {
  const end = Date.now() + 25_000
  for (;;) {
    const { status, headers } = await send(target, { path: '/traffic', key: 'visa' })
    expect(status).toBe(200)
    if (Number(headers['x-config-revision']) >= revision) return
    if (Date.now() > end) throw new Error(`still on revision ${headers['x-config-revision']}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/**
 * A body whose length is told beforehand. Plain workerd hands out the answer at once, and whoever
 * goes on writing is cut off; the development proxy hands it out when it has read the whole body.
 */
function announceBlanks(one: StoodIn, lengthBytes: number): Promise<Answer> {
  const sentBytes = one.target.kind === 'start' ? lengthBytes : CHUNK.byteLength
  return sendBlanks(one, sentBytes, { 'Content-Length': lengthBytes })
}

const CHUNK = Buffer.alloc(64 * 1024, ' ')

/** Of unknown length, unless the headers tell it: the answer comes when too much of it has. */
function sendBlanks(one: StoodIn, sentBytes: number, headers = {}): Promise<Answer> {
  const blanks = async function* () {
    for (let sent = 0; sent < sentBytes; sent += CHUNK.byteLength) yield CHUNK
    await new Promise(() => undefined)
  }
  const authorization = { Authorization: `Bearer ${one.target.token}` }
  return readEarly(one, {
    method: 'POST',
    path: '/admin/config',
    headers: { ...authorization, ...headers },
    body: blanks(),
  })
}

/** The answer to a request that is not sent to its end. */
async function readEarly({ target }: StoodIn, call: Call): Promise<Answer> {
  const { request, response } = open(target, call)
  request.on('error', () => undefined) // The router may close while we still write.
  try {
    return await readAnswer(await response)
  } finally {
    request.destroy()
  }
}
