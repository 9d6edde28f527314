import { describe, expect, it } from 'vitest'
import { admit, applyView, startIsolateBreaker } from '../../../shared/breaker/admit.ts'
import { setBack } from '../../../shared/breaker/clock.ts'
import { noteLocally, readLocalSettings } from '../../../shared/breaker/local.ts'
import {
  advance,
  clearOverride,
  noteReport,
  override,
  startBreaker,
} from '../../../shared/breaker/machine.ts'
import { acquirePermit } from '../../../shared/breaker/probes.ts'
import { startState } from '../../../shared/breaker/state.ts'
import { readView } from '../../../shared/breaker/view.ts'
import { sumSince } from '../../../shared/breaker/window.ts'
import { createBreakers, pass } from '../../../workers/router/breakers.ts'
import { wantsPermit } from '../../../workers/router/outcomes.ts'
import { aPlacement } from '../../support/a-config.ts'
import { PLAIN, printReport, printSettings } from './a-breaker.ts'

const HOUR_MS = 3_600_000
const NOW = 10 * HOUR_MS

describe('F23 a clock that jumps', () => {
  const start = () => {
    const breaker = startBreaker(printSettings(), startState(1, NOW), () => 0)
    noteReport(breaker, printReport({ failed: 5 }), NOW)
    expect(breaker.state).toMatchObject({ phase: 'open', openUntil: NOW + 30_000 })
    return breaker
  }

  it('an hour ahead: what was to come has come, once, and nothing is stuck', () => {
    const breaker = start()
    advance(breaker, NOW + HOUR_MS)
    expect(breaker.state).toMatchObject({ phase: 'half_open', since: NOW + 30_000 })
    expect(readView(breaker, NOW + HOUR_MS).leftMs).toBe(0)
  })

  it('an hour back: what was left of an open time is left, and evidence starts afresh', () => {
    const breaker = start()
    advance(breaker, NOW + 10_000)
    const back = NOW + 10_000 - HOUR_MS
    advance(breaker, back)
    expect(breaker.state).toMatchObject({ phase: 'open', generation: 2, version: 2 })
    expect(readView(breaker, back).leftMs).toBe(20_000)
    advance(breaker, back + 20_000)
    expect(breaker.state.phase).toBe('half_open')
  })

  it('an hour back: evidence of before is not there for another hour', () => {
    const breaker = startBreaker(printSettings(), startState(1, NOW), () => 0)
    noteReport(breaker, printReport({ succeeded: 50 }), NOW)
    noteReport(breaker, printReport({ sequence: 1, succeeded: 1 }), NOW - HOUR_MS)
    const { buckets } = breaker.evidence.window
    expect(sumSince(buckets, NOW - HOUR_MS, Number.POSITIVE_INFINITY).calls).toBe(1)
  })

  it('an hour back while nobody looked: known from what is stored', () => {
    const back = NOW - HOUR_MS
    const breaker = startBreaker(printSettings(), start().state, () => 0)
    advance(breaker, back)
    expect(readView(breaker, back).leftMs).toBe(30_000)
  })

  it('a second back: nothing moves', () => {
    const breaker = start()
    const before = breaker.state
    advance(breaker, NOW - 1_000)
    expect(breaker.state).toBe(before)
    expect(readView(breaker, NOW - 1_000).leftMs).toBe(31_000)
  })

  it('an hour back: what is left of permits, rounds and overrides is left', () => {
    const breaker = start()
    advance(breaker, NOW + 30_000)
    acquirePermit(breaker, 'a', NOW + 31_000)
    const drill = { until: NOW + 91_000, owner: 'o', reason: 'r' }
    override(breaker, { ...drill, mode: 'forced_open' }, NOW + 31_000)
    clearOverride(breaker, NOW + 32_000)
    acquirePermit(breaker, 'a', NOW + 33_000)
    override(breaker, { ...drill, mode: 'metrics_only' }, NOW + 33_000)
    const before = breaker.state
    const back = NOW + 33_000 - HOUR_MS
    advance(breaker, back)
    expect(breaker.state.override?.until).toBe(back + 58_000)
    expect(setBack(breaker.state, -HOUR_MS)).toEqual(before)
  })

  it('frozen: evidence counts all the same', () => {
    const breaker = startBreaker(printSettings(), startState(1, NOW), () => 0)
    for (let sequence = 0; sequence < 5; sequence++)
      noteReport(breaker, printReport({ sequence, failed: 1 }), NOW)
    expect(breaker.state.phase).toBe('open')
  })

  it('in an isolate, an hour back: what was planned is due, and an open time is left as it was', () => {
    const breakers = createBreakers(() => 0)
    const placement = { ...aPlacement(), name: 'visa', fallback: [] }
    const request = { routingKey: 'k', isSafe: true, isLast: false }
    breakers.learn(placement.name, readView(start(), NOW), NOW)
    const known = breakers.find(placement)
    Object.assign(known, { busyUntil: NOW + 3_000, nextBeaconAt: NOW + 9_000, nextAskAt: NOW })
    for (let i = 0; i < 5; i++) noteLocally(known.held.local, known.settings.local, true, NOW)
    const back = NOW - HOUR_MS
    expect(pass(breakers, placement, request, back)).toBeUndefined()
    expect(known).toMatchObject({ busyUntil: 0, nextBeaconAt: back, nextAskAt: 0 })
    expect(known.held.local.openUntil).toBe(0)
    expect(wantsPermit(known, back + 29_999)).toBe(false)
    expect(wantsPermit(known, back + 30_000)).toBe(true)
  })

  it('in an isolate, an hour back: denied until then at the most, and served as soon as it is told', () => {
    const local = readLocalSettings(PLAIN)
    const settings = { local, ramp: printSettings().ramp }
    const one = startIsolateBreaker()
    const open = readView(start(), NOW)
    applyView(one, open, NOW)
    expect(admit(one, settings, NOW - HOUR_MS, 0, true)).toBe('deny')
    const closed = { ...open, version: open.version + 1, phase: 'closed' as const, leftMs: 0 }
    applyView(one, closed, NOW - HOUR_MS)
    expect(admit(one, settings, NOW - HOUR_MS, 0, true)).toBe('allow')
    for (let i = 0; i < 5; i++) noteLocally(one.local, local, true, NOW)
    expect(admit(one, settings, NOW, 0, true)).toBe('deny')
    expect(admit(one, settings, NOW + HOUR_MS, 0, true)).toBe('self_probe')
  })
})
