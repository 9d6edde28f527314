import { describe, expect, it } from 'vitest'
import { admit, applyView, startIsolateBreaker } from '../../../shared/breaker/admit.ts'
import { noteLocally, readLocalSettings } from '../../../shared/breaker/local.ts'
import { advance, noteReport, startBreaker } from '../../../shared/breaker/machine.ts'
import { startState } from '../../../shared/breaker/state.ts'
import { readView } from '../../../shared/breaker/view.ts'
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

  it('an hour back: nothing moves, no age is negative, and it goes on when the clock has caught up', () => {
    const breaker = start()
    const before = breaker.state
    advance(breaker, NOW - HOUR_MS)
    expect(breaker.state).toBe(before)
    expect(readView(breaker, NOW - HOUR_MS).leftMs).toBeGreaterThan(0)
    noteReport(breaker, printReport({ sequence: 1, succeeded: 9 }), NOW - HOUR_MS)
    expect(breaker.state).toBe(before)
    advance(breaker, NOW + 30_000)
    expect(breaker.state.phase).toBe('half_open')
  })

  it('frozen: evidence counts all the same', () => {
    const breaker = startBreaker(printSettings(), startState(1, NOW), () => 0)
    for (let sequence = 0; sequence < 5; sequence++)
      noteReport(breaker, printReport({ sequence, failed: 1 }), NOW)
    expect(breaker.state.phase).toBe('open')
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
