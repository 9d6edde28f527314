import {
  evictDurableObject,
  reset,
  runDurableObjectAlarm,
  runInDurableObject,
} from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { BreakerView } from '../../shared/breaker/view.ts'
import type { BreakerApi } from '../../shared/rpc/breaker.ts'
import type { RefreshReply } from '../../shared/rpc/coordinator.ts'
import { api, captureLog, coordinator, must, mustPublish, poll } from '../support/coordinator.ts'

// Far ahead: an alarm that is due by the real clock fires by itself.
const START = Date.UTC(2100, 0, 1)

const VIEW: BreakerView = {
  epoch: 7,
  version: 2,
  generation: 2,
  phase: 'open',
  isForced: false,
  leftMs: 30_000,
  rampedMs: 0,
  isDraining: false,
  unhealthy: [],
}

const printDocument = (names: readonly string[]): string =>
  JSON.stringify({
    schema: 1,
    routingTable: {},
    defaultPlacement: names[0],
    placements: Object.fromEntries(names.map((name) => [name, { endpoints: ['https://a.test'] }])),
  })

let now = START
let events: Record<string, unknown>[] = []

async function publish(...names: string[]): Promise<void> {
  await mustPublish(printDocument(names))
  now += 2_000
  vi.setSystemTime(now)
  await runDurableObjectAlarm(coordinator())
}

const refresh = async (viewsVersion: number): Promise<RefreshReply> =>
  api().refresh({ revision: 1, viewsVersion })

async function replaceNoteView(
  placement: string,
  noteView: (placement: string, view: BreakerView) => Promise<void>,
): Promise<void> {
  await runInDurableObject(env.BREAKER.getByName(placement), (object) => {
    const { CONFIG } = Reflect.get(object, 'env') as Env
    vi.spyOn(CONFIG, 'getByName').mockImplementation((() => ({
      noteView: async (name: string, view: BreakerView) => {
        await noteView(name, view)
        return true
      },
    })) as never)
  })
}

const listNames = (reply: RefreshReply) => reply.views?.map(({ placement }) => placement)

const breaker = (placement: string): BreakerApi => env.BREAKER.getByName(placement)

beforeEach(async () => {
  await reset()
  events = captureLog()
  now = START
  vi.useFakeTimers({ toFake: ['Date'], now })
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

describe('views that the coordinator is told', () => {
  it('go to each isolate once, with their age, and to whoever holds none all together', async () => {
    await publish('a', 'b', 'c')
    expect(await refresh(0)).toMatchObject({ viewsVersion: 0, views: [] })
    expect(await api().noteView('a', VIEW)).toBe(true)
    expect(await api().noteView('b', { ...VIEW, phase: 'half_open', leftMs: 0 })).toBe(true)
    vi.setSystemTime(now + 4_000)
    const all = await refresh(0)
    expect(all).toMatchObject({
      viewsVersion: 2,
      views: [
        { placement: 'a', view: { ...VIEW, ageMs: 4_000 } },
        { placement: 'b', view: { phase: 'half_open', ageMs: 4_000 } },
      ],
    })
    expect(listNames(await refresh(1))).toEqual(['b'])
    expect(listNames(await refresh(2))).toEqual([])
    // A version that never was: of a coordinator that has lost its storage.
    expect(listNames(await refresh(9))).toEqual(['a', 'b'])
  })

  it('survive an eviction, and never go back', async () => {
    await publish('a')
    await api().noteView('a', VIEW)
    await evictDurableObject(coordinator())
    await api().noteView('a', { ...VIEW, version: 1, phase: 'closed' })
    expect(await refresh(0)).toMatchObject({ viewsVersion: 1, views: [{ view: { version: 2 } }] })
    await api().noteView('a', { ...VIEW, epoch: 8, version: 1, phase: 'closed' })
    expect(await refresh(1)).toMatchObject({ viewsVersion: 2, views: [{ view: { epoch: 8 } }] })
  })

  it('are repeated while they live by that, and only those', async () => {
    await publish('a', 'b', 'c', 'd')
    await api().noteView('a', { ...VIEW, isForced: true })
    await api().noteView('b', { ...VIEW, unhealthy: [0] })
    await api().noteView('c', { ...VIEW, isDraining: true })
    expect(listNames(await refresh(3))).toEqual(['a', 'b'])
    await api().noteView('a', { ...VIEW, version: 3 })
    expect(listNames(await refresh(4))).toEqual(['b'])
  })

  it('are forgotten when they have been closed for ten minutes, or are no longer published', async () => {
    await publish('a', 'b')
    await api().noteView('a', { ...VIEW, phase: 'closed' })
    await api().noteView('b', VIEW)
    vi.setSystemTime(now + 599_999)
    expect(listNames(await refresh(0))).toEqual(['a', 'b'])
    vi.setSystemTime(now + 600_000)
    expect(listNames(await refresh(0))).toEqual(['b'])
    now += 600_000
    await publish('a')
    expect(listNames(await refresh(0))).toEqual([])
  })

  it('of a name that is not published, or that are none, are refused', async () => {
    await publish('a')
    expect(await api().noteView('b', VIEW)).toBe(false)
    expect(await api().noteView('a', { ...VIEW, leftMs: Number.NaN })).toBe(false)
    expect(await refresh(0)).toMatchObject({ viewsVersion: 0, views: [] })
  })

  it('are not spoken of while the objects cannot be reached', async () => {
    await runInDurableObject(coordinator(), (object) => {
      const { BREAKER } = Reflect.get(object, 'env') as Env
      vi.spyOn(BREAKER, 'getByName').mockImplementation(() => {
        throw new Error('away')
      })
    })
    await publish('a')
    expect(await refresh(0)).not.toHaveProperty('views')
  })
})

describe('a breaker object', () => {
  const force = async (placement: string) =>
    must(
      await breaker(placement).override({
        mode: 'forced_open',
        ttlMs: 600_000,
        owner: 'mia',
        reason: 'a drill',
      }),
    )

  it('tells the coordinator what changed, at once', async () => {
    await publish('a')
    await force('a')
    const reply = await poll(async () => {
      const found = await refresh(0)
      return found.views?.length === 1 && found
    })
    expect(reply.views).toMatchObject([
      { placement: 'a', view: { phase: 'open', isForced: true, leftMs: 600_000 } },
    ])
  })

  it('tells it again from its alarm when it was not heard, and every minute what must be repeated', async () => {
    await publish('a')
    let isAway = true
    const heard: number[] = []
    await replaceNoteView('a', async () => {
      if (isAway) throw new Error('away')
      heard.push(Date.now() - now)
    })
    await force('a')
    await poll(async () => events.some(({ event }) => event === 'view_not_told'))
    const runAlarmAt = async (ms: number) => {
      vi.setSystemTime(now + ms)
      await runDurableObjectAlarm(env.BREAKER.getByName('a'))
      await scheduler.wait(20)
    }
    isAway = false
    await runAlarmAt(1_000)
    expect(heard).toEqual([])
    await runAlarmAt(2_000)
    await runAlarmAt(30_000)
    await runAlarmAt(61_999)
    expect(heard).toEqual([2_000])
    await runAlarmAt(62_000)
    expect(heard).toEqual([2_000, 62_000])
  })

  it('F23 tells it at once also when the clock was set back by an hour', async () => {
    await publish('a')
    const heard: string[] = []
    await replaceNoteView('a', async (_, { phase }) => void heard.push(phase))
    await force('a')
    await poll(async () => heard.length === 1)
    vi.setSystemTime(now - 3_600_000)
    must(await breaker('a').clearOverride())
    await poll(async () => heard.length === 2)
    expect(heard).toEqual(['open', 'half_open'])
  })

  it('tells what changes while it is telling, after that', async () => {
    await publish('a')
    const heard: string[] = []
    let answer = () => {}
    await replaceNoteView('a', async (_, { phase }) => {
      heard.push(phase)
      if (heard.length === 1) await new Promise<void>((resolve) => (answer = resolve))
    })
    await force('a')
    vi.setSystemTime(now + 4_000)
    must(await breaker('a').clearOverride())
    await scheduler.wait(20)
    expect(heard).toEqual(['open'])
    await runInDurableObject(env.BREAKER.getByName('a'), () => answer())
    await poll(async () => heard.length === 2)
    expect(heard).toEqual(['open', 'half_open'])
  })
})
