import { describe, expect, it } from 'vitest'
import { startWorld } from './outcomes-world.ts'

describe('what an isolate reports', () => {
  it('nothing of a request that is answered', async () => {
    const world = startWorld()
    for (let i = 0; i < 20; i++) await (await world.send()).work
    expect(world.reports).toEqual([])
  })

  it('failures, within a quarter of a second, with the successes since the last report', async () => {
    const world = startWorld()
    for (let i = 0; i < 9; i++) await (await world.send()).work
    world.status = 503
    const sent = [await world.send(), await world.send()]
    await Promise.all(sent.map(({ work }) => work))
    expect(world.reports.length).toBe(1)
    expect(world.reports[0]).toMatchObject({
      placement: 'a',
      reporter: expect.stringMatching(/^[0-9a-f]{24}$/),
      sequence: 0,
      epoch: null,
      counts: [{ succeeded: 9, soft: 2 }],
      trailingFailures: 2,
      isBeacon: false,
      isSuspect: false,
    })
  })

  it('F19 no request waits for it, though the object hangs', async () => {
    const world = startWorld()
    world.answer = () => new Promise(() => {})
    world.status = 500
    for (let i = 0; i < 4; i++) expect((await world.send()).response.status).toBe(500)
    world.status = 200
    expect((await world.send()).response.status).toBe(200)
  })

  it('D46 an object that throws costs no request, and is left in peace for a while', async () => {
    const world = startWorld()
    world.answer = async () => {
      throw new Error('overloaded')
    }
    world.status = 500
    const first = await world.send()
    await first.work
    expect(first.response.headers.get('x-circuit-state')).toBe('unknown')
    await (await world.send()).work
    expect(world.reports.length).toBe(1)
  })

  it('L02 a request that is cancelled with its report leaves no silence: the deadline passes', async () => {
    const world = startWorld()
    world.status = 500
    await world.send() // its work is never waited for, as in a context that was torn down
    const known = [...world.breakers.all()][0]
    expect(known?.busyUntil).toBeGreaterThan(Date.now())
    expect(known?.busyUntil).toBeLessThan(Date.now() + 4_000)
  })
})
