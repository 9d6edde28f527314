import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { publishAndWait } from '../support/api.ts'
import { type Fixture, startFixture } from '../support/fixture.ts'
import { type Answer, open, pollUntil, send } from '../support/http.ts'
import { type Isolates, startIsolates } from '../support/isolates.ts'
import type { Handler } from '../support/origin.ts'
import { type Control, startControl } from '../support/stand-in/control.ts'

let control: Control
let isolates: Isolates
let fixture: Fixture
let lastNumber = 0

beforeAll(async () => {
  control = await startControl()
  fixture = await startFixture()
  isolates = await startIsolates(2, {
    breaker: 'test/support/stand-in/breaker.ts',
    control: control.url,
  })
})
afterEach(() => control.reset())
afterAll(async () => {
  await isolates.stop()
  await control.close()
  await fixture.close()
})

const member = (index = 0) => {
  const found = isolates.members[index]
  if (found === undefined) throw new Error('no such isolate')
  return found
}

/** A placement of its own with a fallback, served by the first isolate. */
async function prepare(): Promise<string> {
  const name = `away-${++lastNumber}`
  await publishAndWait(member(), {
    schema: 1,
    routingTable: { [name]: name },
    defaultPlacement: 'rest',
    placements: {
      [name]: {
        endpoints: [fixture.cells.visa.url],
        fallback: ['rest'],
        circuitBreaker: { jitter: 0, window: null, consecutiveFailures: 3 },
      },
      rest: { endpoints: [fixture.cells.tier3.url] },
    },
  })
  return name
}

const respond =
  (status: number): Handler =>
  (_, response) => {
    response.writeHead(status).end()
  }

const told = ({ status, headers }: Answer) => [
  status,
  headers['x-routed-to'],
  headers['x-failover-reason'],
  headers['x-circuit-state'],
]

describe('the breaker objects are away', () => {
  it('D46 unreachable from the start: requests are served, and their state is unknown', async () => {
    control.set('breaker', 'throw')
    // A cold isolate, which the coordinator cannot tell of breakers either.
    await control.waitForQuestions('breaker', 1, prepare)
    await isolates.crash()
    const name = `away-${lastNumber}`
    for (let i = 0; i < 20; i++)
      expect(told(await send(member(1), { key: name, path: '/x' }))).toEqual([
        200,
        name,
        undefined,
        'unknown',
      ])
  })

  it('D46 F05 slow for as long as anybody would wait: the isolate opens by itself, and nobody waits', async () => {
    const name = await prepare()
    const get = () => send(member(), { key: name, path: '/x' })
    await pollUntil(
      get,
      ({ headers }) => headers['x-circuit-state'] === 'closed', // What it keeps as its last view.
    )
    control.set('breaker', 'hang')
    fixture.cells.visa.script(respond(500), respond(500), respond(500))
    for (let i = 0; i < 3; i++) expect(told(await get())).toEqual([500, name, undefined, 'closed'])
    const asked = control.questions.length
    for (let i = 0; i < 20; i++)
      expect(told(await get())).toEqual([200, 'rest', 'circuit_open', 'closed'])
    // The object was asked, and has answered nobody meanwhile.
    await pollUntil(
      async () => control.questions.length,
      (count) => count > asked - 1,
    )
    const back = await pollUntil(get, ({ headers }) => headers['x-routed-to'] === name)
    expect(told(back)).toEqual([200, name, undefined, 'half_open'])
  })

  it('F29 a crash in the middle of an answer: the client sees it broken off, the next one is whole', async () => {
    const name = await prepare()
    fixture.cells.visa.answer('/stream', (_, response) => {
      response.writeHead(200, { 'content-length': '1000' })
      response.write('the first part')
    })
    const response = await open(member(), { key: name, path: '/stream' }).response
    const ended = new Promise((resolve) => {
      response.on('error', () => resolve('broken off'))
      response.on('end', () => resolve('complete'))
    })
    await new Promise((resolve) => response.once('data', resolve))
    await isolates.crash()
    expect(await ended).toBe('broken off')
    fixture.cells.visa.answer('/stream', undefined)
    const next = await send(member(), { key: name, path: '/stream' })
    expect(next.status).toBe(200)
    expect(next.json()).toMatchObject({ cell: 'visa', path: '/stream' })
  })
})
