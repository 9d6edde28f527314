import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callAdmin, publishAndWait, waitUntilServed } from '../support/api.ts'
import { type Fixture, startFixture } from '../support/fixture.ts'
import {
  type Answer,
  type OpenCall,
  open,
  pollUntil,
  resetConnection,
  send,
} from '../support/http.ts'
import { type Isolates, startIsolates } from '../support/isolates.ts'
import { type Handler, holdRequests } from '../support/origin.ts'

/** How long a refresh may take to come by: its interval, and its way. */
const REFRESH_MS = 6_500

let isolates: Isolates
let fixture: Fixture
let lastNumber = 0

beforeAll(async () => {
  isolates = await startIsolates(8)
  fixture = await startFixture()
})
afterAll(async () => {
  await isolates.stop()
  await fixture.close()
})

const member = (index: number) => {
  const found = isolates.members[index]
  if (found === undefined) throw new Error('no such isolate')
  return found
}

/** A placement of its own, served by every isolate, with a fallback that answers. */
async function prepare(circuitBreaker: object): Promise<string> {
  const name = `shared-${++lastNumber}`
  const { revision } = await publishAndWait(member(0), {
    schema: 1,
    routingTable: { [name]: name },
    defaultPlacement: 'rest',
    placements: {
      [name]: {
        endpoints: [fixture.cells.visa.url],
        fallback: ['rest'],
        circuitBreaker: { jitter: 0, window: null, consecutiveFailures: 3, ...circuitBreaker },
      },
      rest: { endpoints: [fixture.cells.tier3.url] },
    },
  })
  for (const { port, token } of isolates.members) {
    await send({ port }, { key: name, path: '/warm' })
    await pollUntil(
      async () => {
        await send({ port }, { key: name, path: '/warm' })
        return waitUntilServed({ port, token }, revision)
      },
      (served) => served.revision === revision,
    )
  }
  return name
}

const respond =
  (status: number): Handler =>
  (_, response) => {
    response.writeHead(status).end()
  }

async function trip(name: string): Promise<void> {
  fixture.cells.visa.script(respond(500), respond(500), respond(500))
  for (let i = 0; i < 3; i++)
    expect((await send(member(0), { key: name, path: '/x' })).status).toBe(500)
  await pollUntil(
    () => readBreaker(name),
    ({ state }) => state === 'open',
  )
}

async function readBreaker(name: string): Promise<Record<string, unknown>> {
  const answer = await callAdmin(member(0), { path: `/admin/placements/${name}` })
  return answer.json()['breaker'] as Record<string, unknown>
}

/** The cell is left alone by that isolate. */
const waitUntilAvoided = (name: string, index: number): Promise<Answer> =>
  pollUntil(
    () => send(member(index), { key: name, path: '/x' }),
    ({ headers }) => headers['x-failover-reason'] === 'circuit_open',
  )

const routedTo = ({ headers }: Answer) => [headers['x-routed-to'], headers['x-failover-reason']]

describe('one breaker for all isolates', () => {
  it('D44 opened through one, the others fail over within a refresh, without a failure of their own', async () => {
    const name = await prepare({ openFor: '60s' })
    await trip(name)
    const openedAt = performance.now()
    const seen = fixture.cells.visa.requests.length
    let served = 0
    for (let i = 1; i < isolates.members.length; i++) {
      const answer = await pollUntil(
        async () => {
          served++
          return send(member(i), { key: name, path: '/x' })
        },
        ({ headers }) => headers['x-failover-reason'] !== undefined,
      )
      expect(routedTo(answer)).toEqual(['rest', 'circuit_open'])
    }
    expect(performance.now() - openedAt).toBeLessThan(REFRESH_MS)
    // Each of them reached the cell until it heard, and none of them saw it fail.
    expect(fixture.cells.visa.requests.length - seen).toBe(served - 7)
  })

  it('D45 a crash of everything leaves it open until the same moment', async () => {
    const name = await prepare({ openFor: '60s' })
    await trip(name)
    const before = await readBreaker(name)
    await isolates.crash()
    const after = await readBreaker(name)
    expect(after).toMatchObject({ state: 'open', nextProbeAt: before['nextProbeAt'] })
    // Also for an isolate that has never seen it fail, as soon as it has refreshed.
    await waitUntilAvoided(name, 5)
  })

  it('D37 the client of the only probe leaves: another one is allowed, and it closes', async () => {
    const halfOpen = { probes: 1, maxFailures: 0, concurrent: 1 }
    const name = await prepare({ openFor: '2s', halfOpen, recovery: '0s' })
    await trip(name)
    const { visa } = fixture.cells
    const held = holdRequests('visa')
    visa.answer('/leaves', held)
    const asking: OpenCall[] = []
    await pollUntil(
      async () => {
        const call = open(member(0), { key: name, path: '/leaves' })
        call.response.then(
          (response) => response.resume(),
          () => undefined,
        )
        asking.push(call)
        return visa.count('/leaves')
      },
      (seen) => seen === 1,
    )
    for (const { request } of asking) resetConnection(request)
    // Its permit comes back with the next report: it would lapse after seventeen seconds.
    await pollUntil(
      () => send(member(0), { key: name, path: '/x' }),
      ({ headers }) => headers['x-routed-to'] === name && headers['x-circuit-state'] === 'closed',
    )
    held.release()
  })

  it('D36 two hundred clients at eight isolates when it may be probed: three at a time at most', async () => {
    const name = await prepare({
      openFor: '8s',
      halfOpen: { probes: 5, maxFailures: 1, concurrent: 3 },
      recovery: '0s',
    })
    await trip(name)
    await Promise.all(isolates.members.map((_, index) => waitUntilAvoided(name, index)))
    const { visa } = fixture.cells
    const held = holdRequests('visa')
    visa.answer('/held', held)
    const answers: Promise<Answer>[] = []
    const startedAt = visa.count('/held')
    // Whoever hears of half-open asks for a permit, and a later request of that isolate uses it.
    await pollUntil(
      async () => {
        for (const { port } of isolates.members)
          answers.push(send({ port }, { key: name, path: '/held' }))
        return visa.count('/held')
      },
      (seen) => seen - startedAt >= 3,
      30_000,
    )
    for (let i = 0; i < 200; i++) answers.push(send(member(i % 8), { key: name, path: '/held' }))
    const others = () => answers.length - (visa.count('/held') - startedAt)
    let settled = 0
    for (const answer of answers) void answer.then(() => settled++)
    await pollUntil(
      async () => settled,
      (count) => count === others(),
    )
    expect(visa.count('/held') - startedAt).toBe(3)
    visa.answer('/held', undefined)
    held.release()
    await Promise.all(answers)
  })
})
