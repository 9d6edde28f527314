import {
  evictDurableObject,
  reset,
  runDurableObjectAlarm,
  runInDurableObject,
} from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { BreakerApi, BreakerReport } from '../../shared/rpc/breaker.ts'
import { PLACEMENT, printConfig, printReport } from '../support/breaker-messages.ts'
import { must } from '../support/coordinator.ts'

// Far ahead: an alarm that is due by the real clock fires by itself.
const START = Date.UTC(2100, 0, 1)

const object = () => env.BREAKER.getByName(PLACEMENT)
const open = (): BreakerApi => object()

async function report(changes: Partial<BreakerReport> = {}, failed = 0) {
  return must(await open().report(printReport(changes, failed)))
}

const listKept = () =>
  runInDurableObject(object(), (_, { storage }) => [...storage.kv.list()].map(([key]) => key))

let lines: string[] = []

const transitions = (): unknown[] =>
  lines.map((line) => JSON.parse(line)).filter(({ event }) => event === 'transition')

beforeEach(async () => {
  await reset()
  vi.useFakeTimers({ toFake: ['Date'], now: START })
  lines = []
  vi.spyOn(console, 'log').mockImplementation((line) => void lines.push(String(line)))
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

describe('the breaker object of a placement', () => {
  it('D45 opens, and is open until the same moment after an eviction', async () => {
    await open().configure(printConfig())
    expect((await report({}, 5)).view).toMatchObject({ phase: 'open', leftMs: 30_000 })
    vi.setSystemTime(START + 12_000)
    await evictDurableObject(object())
    expect((await report()).view).toMatchObject({ phase: 'open', leftMs: 18_000, generation: 2 })
    vi.setSystemTime(START + 30_000)
    expect((await report()).view).toMatchObject({ phase: 'half_open', generation: 3 })
    expect(transitions()).toMatchObject([
      { placement: PLACEMENT, from: 'closed', to: 'open', reason: 'consecutive' },
      { from: 'open', to: 'half_open' },
    ])
  })

  it('B03 grants no more permits than are allowed at a time, however many ask, also after an eviction', async () => {
    await open().configure(printConfig())
    await report({}, 5)
    vi.setSystemTime(START + 30_000)
    const ask = (reporter: string) => report({ reporter, wantsPermit: true })
    const asked = await Promise.all(Array.from({ length: 200 }, (_, i) => ask(`isolate ${i}`)))
    const granted = asked.map(({ permit }) => permit).filter((permit) => permit !== null)
    expect(granted.map(({ id }) => id)).toEqual(['3.0', '3.1', '3.2'])
    await evictDurableObject(object())
    // 5 s to be used, 10 s to be answered, 2 s to be reported.
    vi.setSystemTime(START + 46_999)
    expect((await ask('another')).permit).toBeNull()
    vi.setSystemTime(START + 47_000)
    expect((await ask('another')).permit).toMatchObject({ id: '3.3', leftMs: 5_000 })
  })

  it('recovers when enough probes succeed, and goes on by its alarm', async () => {
    await open().configure(printConfig({ halfOpen: { probes: 1, maxFailures: 0, concurrent: 1 } }))
    await report({}, 5)
    vi.setSystemTime(START + 30_000)
    const { permit } = await report({ wantsPermit: true })
    const probes = [{ permit: permit?.id ?? '', outcome: 'succeeded' as const }]
    expect((await report({ probes })).view).toMatchObject({ phase: 'recovering', rampedMs: 0 })
    vi.setSystemTime(START + 60_000)
    expect(await runDurableObjectAlarm(object())).toBe(true)
    expect(transitions().at(-1)).toMatchObject({ from: 'recovering', to: 'closed' })
  })

  it('a report is counted once, and one of another epoch or generation not at all', async () => {
    await open().configure(printConfig())
    const once = printReport({}, 4)
    await open().report(once)
    await open().report(once)
    await report({ epoch: 1 }, 9)
    await report({ generation: 9 }, 9)
    expect((await report()).view.phase).toBe('closed')
    expect((await report({}, 1)).view.phase).toBe('open')
  })

  it('an override outlives an eviction, ends by itself, and is then verified', async () => {
    await open().configure(printConfig())
    const forced = {
      mode: 'forced_open' as const,
      ttlMs: 60_000,
      owner: 'admin',
      reason: 'a drill',
    }
    expect(await open().override(forced)).toMatchObject({
      ok: true,
      value: { phase: 'open', isForced: true },
    })
    await evictDurableObject(object())
    vi.setSystemTime(START + 59_999)
    expect((await report()).view).toMatchObject({ phase: 'open', isForced: true })
    expect(await open().status()).toMatchObject({
      value: { override: { owner: 'admin', reason: 'a drill', until: '2100-01-01T00:01:00.000Z' } },
    })
    vi.setSystemTime(START + 60_000)
    expect((await report()).view).toMatchObject({ phase: 'half_open', isForced: false })
  })

  it.each([0, 999, 86_400_001, Number.NaN, Number.POSITIVE_INFINITY])(
    'an override for %d ms is refused',
    async (ttlMs) => {
      await open().configure(printConfig())
      const forced = { mode: 'forced_closed' as const, ttlMs, owner: 'o', reason: 'r' }
      expect(await open().override(forced)).toMatchObject({ error: { code: 'invalid_override' } })
      expect((await report()).view.isForced).toBe(false)
    },
  )

  it('an override that is taken back acts as if it had ended', async () => {
    await open().configure(printConfig())
    await open().override({ mode: 'forced_closed', ttlMs: 60_000, owner: 'o', reason: 'r' })
    expect(await open().clearOverride()).toMatchObject({
      value: { phase: 'closed', isForced: false },
    })
  })

  it('tells its state with reason and counts', async () => {
    await open().configure(printConfig())
    await report({
      counts: [{ key: '1', succeeded: 6, slow: 0, soft: 2, hard: 0 }],
      trailingFailures: 1,
    })
    expect(await open().status()).toMatchObject({
      value: { state: 'closed', reason: null, recent: { calls: 8, failed: 2, reporters: 1 } },
    })
    await report({}, 5)
    expect(await open().status()).toMatchObject({
      value: { state: 'open', reason: 'consecutive', nextProbeAt: '2100-01-01T00:00:30.000Z' },
    })
  })

  it('takes new settings and keeps its state; older ones never win', async () => {
    await open().configure(printConfig({}, 5))
    await report({}, 4)
    await open().configure(printConfig({ consecutiveFailures: 6 }, 6))
    await open().configure(printConfig({ consecutiveFailures: 1 }, 4))
    expect((await report({}, 1)).view.phase).toBe('closed')
    expect((await report({}, 1)).view.phase).toBe('open')
    await open().retire(6)
    expect((await report()).view.phase).toBe('open')
  })

  it('stores only when its state changes', async () => {
    await open().configure(printConfig())
    const put = await runInDurableObject(object(), (_, { storage }) => vi.spyOn(storage.kv, 'put'))
    await report({}, 4)
    await report({ counts: [{ key: '1', succeeded: 9, slow: 0, soft: 0, hard: 0 }] })
    expect(put).not.toHaveBeenCalled()
    await report({}, 5)
    expect(put).toHaveBeenCalledTimes(1)
  })
})

describe('an object that was never configured, or has been retired', () => {
  const refusal = { ok: false, error: { code: 'placement_not_found' } }

  it('refuses, stores nothing and arms nothing', async () => {
    expect(await open().report(printReport({}, 50))).toEqual(refusal)
    expect(await open().view()).toEqual(refusal)
    expect(await open().status()).toEqual(refusal)
    expect(
      await open().override({ mode: 'forced_open', ttlMs: 60_000, owner: 'o', reason: 'r' }),
    ).toEqual(refusal)
    expect(await listKept()).toEqual([])
    expect(await runDurableObjectAlarm(object())).toBe(false)
  })

  it('forgets everything, its alarm too; published again it starts afresh in another epoch', async () => {
    await open().configure(printConfig())
    const before = (await report({}, 5)).view
    await open().retire(2)
    expect(await open().report(printReport())).toEqual(refusal)
    expect(await listKept()).toEqual([])
    expect(await runDurableObjectAlarm(object())).toBe(false)
    vi.setSystemTime(START + 1)
    await open().configure(printConfig({}, 3))
    const after = (await report()).view
    expect([after.phase, after.epoch > before.epoch]).toEqual(['closed', true])
  })
})

describe('a report that is malformed', () => {
  it.each([
    ['a negative count', { counts: [{ key: '1', succeeded: -1, slow: 0, soft: 0, hard: 0 }] }],
    ['a share of nothing', { share: 0 }],
    ['a share above one', { share: 1.5 }],
    ['an age that is no number', { ageMs: Number.NaN }],
    [
      'an endless list',
      { counts: Array(18).fill({ key: '1', succeeded: 1, slow: 0, soft: 0, hard: 0 }) },
    ],
    ['a long name', { reporter: 'r'.repeat(129) }],
    ['another outcome', { probes: [{ permit: '1', outcome: 'maybe' as 'neutral' }] }],
    ['half a sequence', { sequence: 0.5 }],
  ] satisfies [string, Partial<BreakerReport>][])('is refused: %s', async (_, changes) => {
    await open().configure(printConfig())
    expect(await open().report(printReport(changes, 0))).toMatchObject({
      ok: false,
      error: { code: 'invalid_request' },
    })
    expect((await report()).view.phase).toBe('closed')
  })
})
