import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { BreakerView } from '../../../shared/breaker/view.ts'
import { START, startWorld, told, type World } from './failover-world.ts'

const CLOSED: BreakerView = {
  epoch: 1,
  version: 2,
  generation: 1,
  phase: 'closed',
  isForced: false,
  leftMs: 0,
  rampedMs: 0,
  isDraining: false,
  unhealthy: [],
}

const tell = ({ breakers }: World, views: Readonly<Record<string, Partial<BreakerView>>>): void =>
  breakers.apply(
    Object.entries(views).map(([placement, view]) => ({
      placement,
      view: { ...CLOSED, ...view, ageMs: 0 },
    })),
    Date.now(),
  )

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: START })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('a placement that fails its checks', () => {
  it('D49 D51 the fallback answers until it is well again', async () => {
    const world = startWorld()
    tell(world, { a: { unhealthy: [0] } })
    expect(told(await world.send())).toEqual([200, 'b', 'upstream_unhealthy', 'closed'])
    tell(world, { a: { version: 3 } })
    expect(told(await world.send())).toEqual([200, 'a', null, 'closed'])
  })

  it('D52 without a fallback the default placement answers', async () => {
    const world = startWorld({ fallback: [] })
    tell(world, { a: { unhealthy: [0] } })
    expect(told(await world.send())).toEqual([200, 'c', 'upstream_unhealthy', 'closed'])
  })

  it('D53 the default placement is tried all the same when nobody else is left', async () => {
    const world = startWorld()
    tell(world, { a: { unhealthy: [0] }, b: { unhealthy: [0] }, c: { unhealthy: [0] } })
    expect(told(await world.send())).toEqual([200, 'c', 'upstream_unhealthy', 'closed'])
    expect([world.cells.A1, world.cells.B].map(({ seen }) => seen.length)).toEqual([0, 0])
    const keyed = await world.send({ headers: { 'x-routing-key': 'unknown' } })
    expect(told(keyed)).toEqual([200, 'c', 'upstream_unhealthy', 'closed'])
  })

  it('is not believed for more than two minutes by one that hears no more of it', async () => {
    const world = startWorld()
    tell(world, { a: { unhealthy: [0] } })
    vi.setSystemTime(START + 120_000)
    expect(told(await world.send())[1]).toBe('b')
    vi.setSystemTime(START + 120_001)
    expect(told(await world.send())[1]).toBe('a')
  })

  it('one endpoint of several: the others take its turns', async () => {
    const world = startWorld({}, {}, ['A1', 'A2', 'A3'])
    tell(world, { a: { unhealthy: [1] } })
    for (let i = 0; i < 6; i++) expect(told(await world.send())[1]).toBe('a')
    const { A1, A2, A3 } = world.cells
    expect([A1, A2, A3].map(({ seen }) => seen.length)).toEqual([3, 0, 3])
  })
})

describe('a placement that is drained', () => {
  it('gets no new requests, for as long as it takes', async () => {
    const world = startWorld()
    tell(world, { a: { isDraining: true } })
    expect(told(await world.send())).toEqual([200, 'b', 'draining', 'closed'])
    vi.setSystemTime(START + 86_400_000)
    expect(told(await world.send())).toEqual([200, 'b', 'draining', 'closed'])
    tell(world, { a: { version: 3 } })
    expect(told(await world.send())).toEqual([200, 'a', null, 'closed'])
  })

  it('as all others are: 503, because an operator meant it', async () => {
    const world = startWorld({ fallback: [] })
    tell(world, { a: { isDraining: true }, c: { isDraining: true } })
    const refused = await world.send()
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5'])
    expect(await refused.json()).toMatchObject({ code: 'no_endpoint' })
  })

  it('its fallback may be drained as well: the next one answers', async () => {
    const world = startWorld()
    tell(world, { a: { isDraining: true }, b: { isDraining: true } })
    expect(told(await world.send())).toEqual([200, 'c', 'draining', 'closed'])
  })
})

describe('which placement answers', () => {
  const OPEN = { phase: 'open', leftMs: 4_200 } as const

  it('BV-J01 the decided one, when it is admitted', async () => {
    const world = startWorld()
    tell(world, {})
    expect(told(await world.send())).toEqual([200, 'a', null, 'closed'])
  })

  it('BV-J02 the first admitted fallback, when it is open', async () => {
    const world = startWorld({ whenOpen: 'default' })
    tell(world, { a: OPEN, b: OPEN })
    expect(told(await world.send())).toEqual([200, 'c', 'circuit_open', 'closed'])
  })

  it('BV-J04 nobody: 503 with the time until the first of them may be tried', async () => {
    for (const [a, b] of [
      [4_200, 9_000],
      [9_000, 4_200],
    ]) {
      const world = startWorld()
      tell(world, { a: { ...OPEN, leftMs: a ?? 0 }, b: { ...OPEN, leftMs: b ?? 0 } })
      const refused = await world.send()
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5'])
      expect(refused.headers.get('x-circuit-state')).toBe('open')
    }
  })

  it('BV-J06 the decided one for one request, when there is a permit for it', async () => {
    const world = startWorld()
    tell(world, { a: { phase: 'half_open', generation: 3 } })
    const held = world.breakers.peek('a')?.held
    if (held !== undefined)
      held.permit = { id: '3.0', generation: 3, expiresAt: Date.now() + 5_000 }
    expect(told(await world.send())).toEqual([200, 'a', null, 'half_open'])
    expect(told(await world.send())).toEqual([200, 'b', 'circuit_open', 'closed'])
  })

  it('while it recovers, its own key share; the only tenant of a placement without fallback, all', async () => {
    const recovering = { phase: 'recovering', rampedMs: 0 } as const
    const shared = startWorld()
    tell(shared, { a: recovering })
    expect(told(await shared.send())).toEqual([200, 'b', 'circuit_open', 'closed'])
    const tier = startWorld({ fallback: [], kind: 'tier' })
    tell(tier, { a: recovering })
    expect((await tier.send()).status).toBe(503)
    const dedicated = startWorld({ fallback: [], kind: 'dedicated' })
    tell(dedicated, { a: recovering })
    expect(told(await dedicated.send())).toEqual([200, 'a', null, 'recovering'])
  })
})
