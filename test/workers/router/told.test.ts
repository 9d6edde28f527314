import { describe, expect, it } from 'vitest'
import { reply, routedTo, startWorld, tell, waitForPermit } from './outcomes-world.ts'

describe('what an isolate is told', () => {
  it('D32 the view in the answer to its own report counts at once', async () => {
    const world = startWorld()
    world.answer = async () => reply({ version: 2, generation: 2, phase: 'open', leftMs: 30_000 })
    world.status = 500
    await (await world.send()).work
    world.status = 200
    const next = await world.send()
    expect(routedTo(next)).toBe('b')
    expect(next.response.headers.get('x-failover-reason')).toBe('circuit_open')
  })

  it('a permit is asked for behind a request, and used by a later one that may be repeated', async () => {
    const world = startWorld()
    const halfOpen = { version: 3, generation: 3, phase: 'half_open' } as const
    world.breakers.apply(tell(halfOpen), Date.now())
    world.answer = async ({ wantsPermit }) =>
      reply(halfOpen, {
        permit:
          wantsPermit && world.reports.length === 1
            ? { id: '3.0', generation: 3, leftMs: 5_000 }
            : null,
      })
    const first = await world.send()
    expect(routedTo(first)).toBe('b')
    await waitForPermit(world)
    expect(world.reports).toMatchObject([{ placement: 'a', wantsPermit: true, probes: [] }])
    expect(routedTo(await world.send('POST'))).toBe('b')
    const probe = await world.send()
    expect([routedTo(probe), probe.response.headers.get('x-circuit-state')]).toEqual([
      'a',
      'half_open',
    ])
    expect(routedTo(await world.send())).toBe('b')
    await probe.work
    expect(world.reports.at(-1)).toMatchObject({
      probes: [{ permit: '3.0', outcome: 'succeeded' }],
      counts: [],
    })
  })

  it('where no later request comes, the one that asked is sent once more behind its own back', async () => {
    const world = startWorld()
    const halfOpen = { version: 3, generation: 3, phase: 'half_open' } as const
    world.breakers.apply(tell(halfOpen), Date.now())
    world.answer = async ({ wantsPermit }) =>
      reply(halfOpen, {
        permit: wantsPermit ? { id: '3.0', generation: 3, leftMs: 5_000 } : null,
      })
    const only = await world.send()
    expect([routedTo(only), world.calls]).toEqual(['b', 0])
    await only.work
    expect(world.calls).toBe(3)
    expect(world.reports.at(-1)).toMatchObject({
      probes: [{ permit: '3.0', outcome: 'succeeded' }],
    })
  })

  it('… but never one that is not safe, whose permit is given back', async () => {
    const world = startWorld()
    const halfOpen = { version: 3, generation: 3, phase: 'half_open' } as const
    world.breakers.apply(tell(halfOpen), Date.now())
    world.answer = async ({ wantsPermit }) =>
      reply(halfOpen, { permit: wantsPermit ? { id: '3.0', generation: 3, leftMs: 50 } : null })
    await (await world.send('POST')).work
    expect([world.calls, world.reports.length]).toEqual([0, 2])
    expect(world.reports.at(-1)).toMatchObject({
      probes: [{ permit: '3.0', outcome: 'neutral' }],
      wantsPermit: false,
    })
  })

  it('a probe is one request, though the placement has another endpoint', async () => {
    const world = startWorld()
    const halfOpen = { version: 3, generation: 3, phase: 'half_open' } as const
    world.breakers.apply(tell(halfOpen), Date.now())
    const permit = { id: '3.0', generation: 3, leftMs: 5_000 }
    world.answer = async () =>
      reply(halfOpen, { permit: world.reports.length === 1 ? permit : null })
    await world.send()
    await waitForPermit(world)
    world.breaks = true
    const probe = await world.send()
    expect([routedTo(probe), world.calls]).toEqual(['b', 1])
    await probe.work
    expect(world.reports.at(-1)).toMatchObject({ probes: [{ permit: '3.0', outcome: 'failed' }] })
  })

  it('views of the refresh count for placements that it has met and for those that it has not', async () => {
    const world = startWorld()
    world.breakers.apply([], Date.now())
    expect((await world.send()).response.headers.get('x-circuit-state')).toBe('closed')
    const now = Date.now()
    world.breakers.apply(tell({ version: 2, phase: 'open', leftMs: 9_000 }), now)
    expect(routedTo(await world.send())).toBe('b')
    expect(world.breakers.list(now + 4_000)).toMatchObject([
      { placement: 'a', view: { phase: 'open', leftMs: 9_000, ageMs: 4_000 } },
    ])
    const other = startWorld()
    other.breakers.apply(tell({ version: 2, phase: 'open', leftMs: 9_000 }), Date.now())
    expect(routedTo(await other.send())).toBe('b')
  })
})
