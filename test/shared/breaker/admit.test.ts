import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type AdmitSettings,
  admit,
  applyToldView,
  applyView,
  type IsolateBreaker,
  noteSelfProbe,
  startIsolateBreaker,
} from '../../../shared/breaker/admit.ts'
import { classifyFailure, classifyStatus } from '../../../shared/breaker/classify.ts'
import { noteLocally, readLocalSettings, releaseLocalProbe } from '../../../shared/breaker/local.ts'
import type { BreakerView } from '../../../shared/breaker/view.ts'
import { BASELINE, PLAIN, printSettings } from './a-breaker.ts'

const SETTINGS: AdmitSettings = { local: readLocalSettings(PLAIN), ramp: printSettings().ramp }

const closed: BreakerView = {
  epoch: 1,
  version: 1,
  generation: 1,
  phase: 'closed',
  isForced: false,
  leftMs: 0,
  rampedMs: 0,
  isDraining: false,
  unhealthy: [],
}
const opened: BreakerView = { ...closed, version: 2, generation: 2, phase: 'open', leftMs: 30_000 }

function hold(view: BreakerView, at = 0): IsolateBreaker {
  const one = startIsolateBreaker()
  applyView(one, view, at)
  return one
}

const ask = (one: IsolateBreaker, now: number, keyShare = 0, isSafe = true) =>
  admit(one, SETTINGS, now, keyShare, isSafe)

describe('admission by a view', () => {
  it('the same view again is no news, but counts as heard', () => {
    const one = hold(opened)
    expect(applyView(one, { ...opened, leftMs: 10_000 }, 20_000)).toBe(false)
    expect(one).toMatchObject({ receivedAt: 20_000, view: { leftMs: 10_000 } })
  })

  it('a closed one admits however old it is', () => {
    expect(ask(hold(closed), 1e9)).toBe('allow')
  })

  it('one that is not closed is not believed for ever: one request in five seconds finds out', () => {
    for (const phase of ['open', 'half_open'] as const) {
      const one = hold({ ...opened, phase, leftMs: 0 })
      // An open one that should have ended is doubted sooner.
      if (phase === 'half_open') expect(ask(one, 120_000, 0.99)).toBe('deny')
      expect([120_001, 120_002, 125_000, 125_001].map((now) => ask(one, now, 0.99))).toEqual([
        'self_probe',
        'deny',
        'deny',
        'self_probe',
      ])
    }
  })

  it('an open one is believed until it ends, however long that is; a ramp ends by itself', () => {
    const long = hold({ ...opened, leftMs: 300_000 })
    expect([ask(long, 305_000), ask(long, 305_001)]).toEqual(['deny', 'self_probe'])
    const recovering = hold({ ...opened, phase: 'recovering', leftMs: 0 })
    expect(ask(recovering, 1e9, 0.999)).toBe('allow')
  })

  it('three requests that found out by themselves are enough, until the object is heard again', () => {
    const one = hold({ ...opened, phase: 'half_open', leftMs: 0 })
    for (const [hasFailed, now] of [
      [false, 200_000],
      [true, 205_000],
      [false, 210_000],
      [false, 215_000],
      [false, 220_000],
    ] as const) {
      expect([ask(one, now), ask(one, now + 1)]).toEqual(['self_probe', 'deny'])
      noteSelfProbe(one, hasFailed)
    }
    expect([ask(one, 220_001), ask(one, 220_002)]).toEqual(['allow', 'allow'])
    applyView(one, { ...opened, phase: 'half_open', leftMs: 0 }, 221_000)
    expect(ask(one, 221_001)).toBe('deny')
  })

  it("an operator's word counts above permits and failures, and ends when nobody repeats it", () => {
    const forcedOpen = hold({ ...opened, isForced: true, leftMs: 3_600_000 })
    expect(ask(forcedOpen, 120_000)).toBe('deny')
    expect(
      applyToldView(
        forcedOpen,
        { ...opened, isForced: true, leftMs: 3_600_000, ageMs: 0 },
        120_000,
      ),
    ).toBe(false)
    expect(ask(forcedOpen, 240_000)).toBe('deny')
    const ending = hold({ ...opened, isForced: true, leftMs: 30_000 })
    expect([ask(ending, 35_000), ask(ending, 35_001)]).toEqual(['deny', 'self_probe'])
    const forcedClosed = hold({ ...closed, isForced: true, leftMs: 60_000 })
    for (let i = 0; i < 9; i++) noteLocally(forcedClosed.local, SETTINGS.local, true, 0)
    expect(ask(forcedClosed, 1)).toBe('allow')
  })

  it("what others hand on is as old as they say, and renews nothing but an operator's word", () => {
    const one = startIsolateBreaker()
    expect(applyToldView(one, { ...opened, ageMs: 4_000 }, 10_000)).toBe(true)
    expect(one).toMatchObject({ receivedAt: 6_000, view: { leftMs: 30_000 } })
    expect(applyToldView(one, { ...opened, ageMs: 0 }, 20_000)).toBe(false)
    expect(one.receivedAt).toBe(6_000)
    expect(applyToldView(one, { ...closed, ageMs: 0 }, 20_000)).toBe(false)
    const forced = { ...opened, version: 3, isForced: true, leftMs: 60_000 }
    expect(applyToldView(one, { ...forced, ageMs: 1_000 }, 20_000)).toBe(true)
    expect(one).toMatchObject({ receivedAt: 19_000, view: { leftMs: 60_000 } })
    expect(applyToldView(one, { ...forced, ageMs: 0 }, 30_000)).toBe(false)
    expect(one.receivedAt).toBe(30_000)
  })

  it('a permit is used once, in time, by a request that may be repeated, in the end by any', () => {
    const halfOpen = { ...opened, version: 3, generation: 3, phase: 'half_open' as const }
    const permit = { id: '3.0', generation: 3, expiresAt: 5_000 }
    const one = hold(halfOpen)
    one.permit = permit
    expect([ask(one, 1, 0, false), ask(one, 2), ask(one, 3)]).toEqual(['deny', 'probe', 'deny'])
    const unused = hold(halfOpen)
    unused.permit = permit
    expect([ask(unused, 2_499, 0, false), ask(unused, 2_500, 0, false)]).toEqual(['deny', 'probe'])
    const late = hold(halfOpen)
    late.permit = permit
    expect(ask(late, 5_000)).toBe('deny')
  })

  it('the share of keys rises with the ramp, and no key is taken back', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (share) => {
        const one = hold({ ...opened, phase: 'recovering', rampedMs: 0 })
        const admitted = Array.from(
          { length: 31 },
          (_, s) => ask(one, s * 1_000, share) === 'allow',
        )
        expect(admitted).toEqual(admitted.toSorted())
        expect(admitted.at(-1)).toBe(true)
        expect(admitted[0]).toBe(share < 0.1)
      }),
    )
  })
})

describe('the breaker of the isolate itself', () => {
  it("goes by the placement's own thresholds", () => {
    const settings = readLocalSettings(BASELINE)
    const one = startIsolateBreaker()
    const now = 0
    const decide = () => admit(one, { ...SETTINGS, local: settings }, now, 0, true)
    noteLocally(one.local, settings, true, now)
    noteLocally(one.local, settings, true, now)
    expect(decide()).toBe('allow')
    noteLocally(one.local, settings, true, now)
    expect(decide()).toBe('deny')
    expect(settings).toMatchObject({ openMs: 2_000, openMaxMs: 2_000, window: null })
  })

  it('is off when the placement has no rule', () => {
    const settings = readLocalSettings({ ...PLAIN, consecutiveFailures: null, window: null })
    const one = startIsolateBreaker()
    for (let i = 0; i < 1_000; i++) noteLocally(one.local, settings, true, i)
    expect(admit(one, { ...SETTINGS, local: settings }, 1_000, 0, true)).toBe('allow')
  })

  it('counts rates over the last half to whole window: what is older has no say', () => {
    const one = startIsolateBreaker()
    const fail = (times: number, now: number) => {
      for (let i = 0; i < times; i++) {
        noteLocally(one.local, SETTINGS.local, false, now)
        noteLocally(one.local, SETTINGS.local, true, now)
      }
    }
    fail(9, 0)
    fail(9, 10_000)
    expect(ask(one, 10_000)).toBe('allow')
    fail(1, 14_999)
    expect(ask(one, 14_999)).toBe('deny')
    const other = startIsolateBreaker()
    noteLocally(other.local, SETTINGS.local, false, 4_999)
    for (let i = 0; i < 19; i++) {
      noteLocally(other.local, SETTINGS.local, i % 2 === 0, 5_000)
    }
    expect(ask(other, 5_001)).toBe('deny')
  })

  it('waits for its probe, and lets another go when that said nothing or is lost', () => {
    const one = startIsolateBreaker()
    for (let i = 0; i < 5; i++) noteLocally(one.local, SETTINGS.local, true, 0)
    noteLocally(one.local, SETTINGS.local, false, 1) // sent before it opened
    expect([ask(one, 1_999), ask(one, 2_000), ask(one, 2_001)]).toEqual([
      'deny',
      'self_probe',
      'deny',
    ])
    releaseLocalProbe(one.local)
    expect([ask(one, 2_002), ask(one, 4_001), ask(one, 4_002)]).toEqual([
      'self_probe',
      'deny',
      'self_probe',
    ])
    noteLocally(one.local, SETTINGS.local, false, 4_003)
    expect(ask(one, 4_004)).toBe('allow')
  })

  it('opens for longer each time, to a limit', () => {
    const one = startIsolateBreaker()
    for (let i = 0; i < 5; i++) noteLocally(one.local, SETTINGS.local, true, 0)
    let now = 0
    const opens: number[] = []
    for (let i = 0; i < 7; i++) {
      opens.push(one.local.openUntil - now)
      now = one.local.openUntil
      expect(ask(one, now)).toBe('self_probe')
      noteLocally(one.local, SETTINGS.local, true, now)
    }
    expect(opens).toEqual([2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
  })
})

describe('what an attempt says', () => {
  it.each([520, 521, 526, 530])('%d: the edge before the cell did not reach it', (status) => {
    expect(classifyStatus(status)).toBe('hard')
  })

  it.each([519, 527, 529, 531, 599])('%d is a failure that something answered with', (status) => {
    expect(classifyStatus(status)).toBe('soft')
  })

  it('no answer is hard, half an answer is soft', () => {
    expect(classifyFailure('unreachable')).toBe('hard')
    expect(classifyFailure('headers_timeout')).toBe('hard')
    expect(classifyFailure('body_timeout')).toBe('soft')
  })
})
