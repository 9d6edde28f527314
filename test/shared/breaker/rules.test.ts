import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addBatch, startEvidence } from '../../../shared/breaker/evidence.ts'
import { type Breaker, noteReport, startBreaker } from '../../../shared/breaker/machine.ts'
import { acquirePermit, settleProbe } from '../../../shared/breaker/probes.ts'
import { noteSequence, startReplays } from '../../../shared/breaker/replay.ts'
import { readBreakerSettings } from '../../../shared/breaker/settings.ts'
import { startState } from '../../../shared/breaker/state.ts'
import { findTrip } from '../../../shared/breaker/trip.ts'
import { readView } from '../../../shared/breaker/view.ts'
import { BASELINE, printReport, printSettings } from './a-breaker.ts'

const start = (settings = printSettings()) => startBreaker(settings, startState(1, 0), () => 0)

describe('the rule of consecutive failures', () => {
  it('opens at the last of N failures that no success interrupts', () => {
    const breaker = start()
    for (let sequence = 0; sequence < 4; sequence++)
      noteReport(breaker, printReport({ sequence, failed: 1 }), 0)
    expect(breaker.state.phase).toBe('closed')
    noteReport(breaker, printReport({ sequence: 4, failed: 1 }), 10)
    expect(breaker.state).toMatchObject({ phase: 'open', reason: 'consecutive', openUntil: 30_010 })
  })

  /** Thirty seconds of ten isolates with ten requests a second each, told every ten seconds. */
  function warmUp(breaker: Breaker): void {
    for (let at = 0; at < 30_000; at += 1_000) {
      const reporter = `r${(at / 1_000) % 10}`
      const beacon = printReport({ reporter, sequence: at, succeeded: 100 })
      noteReport(breaker, { ...beacon, ageMs: 5_000, isBeacon: true }, at)
    }
  }

  it('N of as many isolates are no streak: their successes come later than their failures', () => {
    const breaker = start()
    warmUp(breaker)
    for (let i = 0; i < 9; i++) {
      const report = printReport({ reporter: `r${i}`, sequence: 99_999, failed: 1 })
      noteReport(breaker, report, 30_000 + 400 * i)
    }
    expect(breaker.state.phase).toBe('closed')
  })

  it('… unless half of the usual traffic has failed', () => {
    const breaker = start()
    warmUp(breaker)
    for (let i = 0; i < 9; i++) {
      const report = printReport({ reporter: `r${i}`, sequence: 99_999, failed: 4 })
      noteReport(breaker, report, 30_000 + 20 * i)
    }
    expect(breaker.state).toMatchObject({ phase: 'open', reason: 'consecutive' })
  })

  it('… and in the first ten seconds nobody knows what is usual', () => {
    const breaker = start()
    for (let i = 0; i < 9; i++)
      noteReport(breaker, printReport({ reporter: `r${i}`, failed: 4 }), 1_000 * i)
    expect(breaker.state.phase).toBe('closed')
    noteReport(breaker, printReport({ reporter: 'r9', failed: 4 }), 10_000)
    expect(breaker.state).toMatchObject({ phase: 'open', reason: 'consecutive' })
  })

  it('counts from the last success of a report that has both', () => {
    const breaker = start()
    noteReport(breaker, printReport({ sequence: 0, failed: 4 }), 0)
    noteReport(breaker, printReport({ sequence: 1, failed: 9, succeeded: 1, trailing: 4 }), 1)
    expect(breaker.state.phase).toBe('closed')
    noteReport(breaker, printReport({ sequence: 2, failed: 1 }), 2)
    expect(breaker.state.phase).toBe('open')
  })

  it('never opens a busy placement with one error in a hundred', () => {
    const breaker = start()
    for (let sequence = 0; sequence < 5_000; sequence++) {
      const reporter = `r${sequence % 200}`
      noteReport(
        breaker,
        printReport({ reporter, sequence, failed: 1, succeeded: 99, trailing: 1 }),
        sequence * 5,
      )
    }
    expect(breaker.state.phase).toBe('closed')
  })

  it('has no minimum, no warm-up and no second rule in a document of the baseline', () => {
    const breaker = start(readBreakerSettings(BASELINE, 10_000))
    noteReport(breaker, printReport({ sequence: 0, failed: 2 }), 0)
    noteReport(breaker, printReport({ sequence: 1, failed: 1 }), 3_600_000)
    expect(breaker.state).toMatchObject({ phase: 'open', openUntil: 3_602_000 })
    expect(acquirePermit(breaker, 'a', 3_602_000)?.id).toBe('3.0')
    expect(settleProbe(breaker, '3.0', 'failed', 3_602_001)).toBe('failed')
    expect(breaker.state).toMatchObject({ phase: 'open', openUntil: 3_604_001 })
    acquirePermit(breaker, 'a', 3_604_001)
    settleProbe(breaker, '5.0', 'succeeded', 3_604_002)
    expect(breaker.state.phase).toBe('closed')
  })
})

describe('the rules over rates', () => {
  const rules = printSettings().rules
  const { window } = printSettings()
  if (rules === null) throw new Error('a document without rules')

  it('S8 conclude the same from the same reports in any order', () => {
    const report = fc.record({
      reporter: fc.constantFrom('a', 'b', 'c'),
      key: fc.constantFrom('x', 'y', 'z'),
      ageMs: fc.integer({ min: 0, max: 19_999 }),
      failed: fc.nat(20),
      succeeded: fc.nat(20),
    })
    const shuffled = fc
      .array(report, { minLength: 1, maxLength: 20 })
      .chain((reports) =>
        fc.tuple(fc.constant(reports), fc.shuffledSubarray(reports, { minLength: reports.length })),
      )
    fc.assert(
      fc.property(shuffled, ([reports, others]) => {
        const conclude = (list: typeof reports) => {
          const evidence = startEvidence()
          for (const one of list)
            addBatch(evidence, window, { ...printReport(one), ageMs: one.ageMs }, 100_000)
          return findTrip(evidence, rules, rules.minimumRequests, 100_000)
        }
        expect(conclude(others)).toBe(conclude(reports))
      }),
    )
  })

  it('S9 one reporter of several never opens, however much of it fails', () => {
    const breaker = start(printSettings({ consecutiveFailures: null }))
    noteReport(breaker, printReport({ reporter: 'well', succeeded: 5 }), 0)
    for (let sequence = 0; sequence < 40; sequence++)
      noteReport(breaker, printReport({ reporter: 'ill', sequence, failed: 50 }), 300 * sequence)
    expect(breaker.state.phase).toBe('closed')
    noteReport(breaker, printReport({ reporter: 'ill too', failed: 1 }), 12_000)
    expect(breaker.state.phase).toBe('open')
  })

  it('S9 one key of several never opens, while the others are answered', () => {
    const breaker = start(printSettings({ consecutiveFailures: null }))
    for (let sequence = 0; sequence < 80; sequence++) {
      const reporter = `r${sequence % 4}`
      const now = 300 * sequence
      noteReport(
        breaker,
        printReport({ reporter, sequence: 2 * sequence, key: 'poison', failed: 9 }),
        now,
      )
      noteReport(
        breaker,
        printReport({ reporter, sequence: 2 * sequence + 1, key: 'other', succeeded: 1 }),
        now,
      )
    }
    expect(breaker.state.phase).toBe('closed')
  })

  it('what an isolate says of itself as suspect is not counted', () => {
    const breaker = start()
    const report = { ...printReport({ failed: 50 }), isSuspect: true }
    expect(noteReport(breaker, report, 0)).toBe('suspect')
    expect(breaker.state.phase).toBe('closed')
  })

  it('a report from a generation that has not been yet, or older than the window, is not counted', () => {
    const breaker = start()
    expect(noteReport(breaker, { ...printReport({ failed: 9 }), generation: 2 }, 0)).toBe('future')
    const old = { ...printReport({ failed: 9, sequence: 1 }), ageMs: 20_000 }
    expect(noteReport(breaker, old, 0)).toBe('old')
    expect(breaker.state.phase).toBe('closed')
  })

  it('a silence as long as the window makes it cold again: failures alone conclude nothing', () => {
    const breaker = start(printSettings({ consecutiveFailures: null }))
    noteReport(breaker, printReport({ reporter: 'a', succeeded: 5 }), 0)
    noteReport(breaker, printReport({ reporter: 'b', failed: 90 }), 20_000)
    noteReport(breaker, printReport({ reporter: 'a', sequence: 1, failed: 90 }), 29_999)
    expect(breaker.state.phase).toBe('closed')
    noteReport(breaker, printReport({ reporter: 'a', sequence: 2, failed: 1 }), 30_000)
    expect(breaker.state.phase).toBe('open')
  })
})

describe('jitter', () => {
  it.each([
    [0, 30_000],
    [0.5, 22_500],
    [0.999, 15_015],
  ])('shortens the open time: %d of half of it', (random, openMs) => {
    const settings = printSettings({ jitter: 0.5 })
    const breaker = startBreaker(settings, startState(1, 0), () => random)
    noteReport(breaker, printReport({ failed: 5 }), 0)
    expect(breaker.state.openUntil).toBe(openMs)
    expect(readView(breaker, 1_000).leftMs).toBe(openMs - 1_000)
  })
})

describe('the memory of reports', () => {
  it('forgets the reporter that was quiet for longest, never the one that speaks', () => {
    const replays = startReplays()
    noteSequence(replays, 'speaks', 0)
    for (let i = 0; i < 30_000; i++) {
      noteSequence(replays, `once ${i}`, 0)
      if (i % 1_000 === 0) noteSequence(replays, 'speaks', i + 1)
    }
    expect(replays.seen.size).toBe(20_000)
    expect(noteSequence(replays, 'speaks', 29_001)).toBe(false)
    expect(noteSequence(replays, 'once 0', 0)).toBe(true)
  })
})
