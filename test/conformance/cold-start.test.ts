import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { publishAndWait } from '../support/api.ts'
import { type Fixture, startFixture } from '../support/fixture.ts'
import { send } from '../support/http.ts'
import { type Isolates, startIsolates } from '../support/isolates.ts'
import { type Control, startControl } from '../support/stand-in/control.ts'

let control: Control
let isolates: Isolates
let fixture: Fixture

beforeAll(async () => {
  control = await startControl()
  fixture = await startFixture()
  isolates = await startIsolates(2, {
    coordinator: 'test/support/stand-in/worker.ts',
    control: control.url,
  })
})
afterAll(async () => {
  await isolates.stop()
  await control.close()
  await fixture.close()
})

describe('an isolate that has just started', () => {
  it('F25 loads its snapshot once for five hundred first requests, and serves them all', async () => {
    const [warm, cold] = isolates.members
    if (warm === undefined || cold === undefined) throw new Error('two isolates were asked for')
    const { placements, ...rest } = fixture.document
    const { url } = placements['tier3'] ?? { url: '' }
    const unlimited = { ...placements, tier3: { url } }
    const { revision } = await publishAndWait(warm, { ...rest, placements: unlimited })
    const asked = control.questions.length
    const answers = await Promise.all(
      Array.from({ length: 500 }, () => send(cold, { path: '/x', key: 'initech' })),
    )
    const seen = new Set(
      answers.map(({ status, headers }) => `${status} ${headers['x-config-revision']}`),
    )
    expect([...seen]).toEqual([`200 ${revision}`])
    // The warm one may ask meanwhile; whoever holds nothing asks once at most.
    const first = control.questions.slice(asked).filter((question) => question.revision === 0)
    expect(first.length).toBeLessThanOrEqual(1)
  })
})
