import { type Breaker, move } from '../../shared/breaker/machine.ts'
import type { BreakerSettings } from '../../shared/breaker/settings.ts'
import { noRound, type Permit, recover } from '../../shared/breaker/state.ts'
import { type Parts, PRODUCT } from './breaker-parts.ts'

/** The product with one line changed, each of which one invariant must find. */
export interface Fault {
  readonly invariant: string
  readonly change: string
  readonly parts: Partial<Parts>
}

const withSettings = (change: (settings: BreakerSettings) => BreakerSettings): Partial<Parts> => ({
  readSettings: (...of) => change(PRODUCT.readSettings(...of)),
})

export const FAULTS: readonly Fault[] = [
  {
    invariant: 'S1',
    change: 'the object does not look at `concurrent`',
    parts: withSettings((all) => ({ ...all, halfOpen: { ...all.halfOpen, concurrent: 99 } })),
  },
  {
    invariant: 'S1',
    change: 'permits are kept in memory only',
    parts: { keep: (state) => ({ ...PRODUCT.keep(state), round: noRound }) },
  },
  {
    invariant: 'S1',
    change: 'a permit lapses while its probe waits for an answer',
    parts: withSettings((all) => ({
      ...all,
      halfOpen: { ...all.halfOpen, permitMs: 5_000, answerMs: 0 },
    })),
  },
  {
    invariant: 'S1',
    change: 'an isolate keeps its permit when it has used it',
    parts: {
      pass(breakers, placement, request, now) {
        const { held } = breakers.find(placement)
        const { permit } = held
        const passage = PRODUCT.pass(breakers, placement, request, now)
        held.permit = permit
        return passage
      },
    },
  },
  {
    invariant: 'S2',
    change: 'permits are granted while the breaker is open',
    parts: {
      acquirePermit(breaker, reporter, now) {
        const granted = PRODUCT.acquirePermit(breaker, reporter, now)
        if (granted !== undefined || breaker.state.phase !== 'open') return granted
        return grantAnyway(breaker, reporter, now)
      },
    },
  },
  {
    invariant: 'S3',
    change: 'one good probe is enough',
    parts: {
      settleProbe(breaker, permit, outcome, now) {
        const verdict = PRODUCT.settleProbe(breaker, permit, outcome, now)
        if (verdict === 'succeeded' && breaker.state.phase === 'half_open')
          move(breaker, recover(breaker.state, breaker.settings, now))
        return verdict
      },
    },
  },
  {
    invariant: 'S4',
    change: 'reports of an earlier generation count',
    parts: {
      noteReport: (breaker, report, now) =>
        PRODUCT.noteReport(breaker, { ...report, generation: null }, now),
    },
  },
  {
    invariant: 'S4',
    change: 'reports count as often as they arrive',
    parts: {
      noteReport(breaker, report, now) {
        breaker.replays.seen.clear()
        return PRODUCT.noteReport(breaker, report, now)
      },
    },
  },
  {
    invariant: 'S5',
    change: 'an isolate takes any view that it gets',
    parts: {
      apply(breakers, views, now) {
        for (const { placement, view } of views)
          for (const { placement: name, held } of breakers.all())
            if (name === placement) Object.assign(held, { view, receivedAt: now })
      },
    },
  },
  {
    invariant: 'S5',
    change: 'an object that has told a view sets its alarm without storing what time has brought',
    parts: { actsWhenTold: false },
  },
  {
    invariant: 'S6',
    change: 'a ramp draws lots in place of keys',
    parts: {
      pass: (breakers, placement, request, now) =>
        PRODUCT.pass(breakers, placement, { ...request, routingKey: `${now}` }, now),
    },
  },
  {
    invariant: 'S7',
    change: 'open times grow without an end',
    parts: withSettings((all) => ({ ...all, opening: { ...all.opening, maxMs: 1e9 } })),
  },
  {
    invariant: 'S8',
    change: 'one failure fewer in a row is enough',
    parts: withSettings((all) => ({
      ...all,
      consecutiveFailures: all.consecutiveFailures && all.consecutiveFailures - 1,
    })),
  },
  {
    invariant: 'S8',
    change: 'half the failure rate is enough',
    parts: withSettings((all) => ({
      ...all,
      rules: all.rules && { ...all.rules, failureRate: all.rules.failureRate / 2 },
    })),
  },
  {
    invariant: 'S9',
    change: 'one reporter is enough',
    parts: withSettings((all) => ({ ...all, rules: all.rules && { ...all.rules, quorum: 1 } })),
  },
  {
    invariant: 'S9',
    change: 'all keys are one',
    parts: {
      noteReport(breaker, report, now) {
        const counts = report.counts.map((one) => ({ ...one, key: 'any' }))
        return PRODUCT.noteReport(breaker, { ...report, counts }, now)
      },
    },
  },
  {
    invariant: 'S10',
    change: 'a decision waits',
    parts: { pass: (...request) => Promise.resolve(PRODUCT.pass(...request)) as never },
  },
  {
    invariant: 'L1',
    change: 'the local breaker is off',
    parts: {
      noteSeen(seen, now) {
        const isDue = PRODUCT.noteSeen(seen, now)
        seen.passage.breaker.held.local.openUntil = 0
        return isDue
      },
    },
  },
  {
    invariant: 'L2',
    change: 'what probes find is not reported',
    parts: { print: (report) => ({ ...report, probes: [] }) },
  },
  {
    invariant: 'L3',
    change: 'an isolate never finds out by itself',
    parts: {
      pass(breakers, placement, request, now) {
        breakers.find(placement).held.selfProbeAt = Number.POSITIVE_INFINITY
        return PRODUCT.pass(breakers, placement, request, now)
      },
    },
  },
  {
    invariant: 'L1',
    change: "an operator's word that is over still keeps results from the local breaker",
    parts: {
      noteSeen(seen, now) {
        const { held } = seen.passage.breaker
        const local = { ...held.local }
        const isDue = PRODUCT.noteSeen(seen, now)
        if (held.view?.isForced === true) Object.assign(held.local, local)
        return isDue
      },
    },
  },
  {
    invariant: 'L3',
    change: "an operator's word that is repeated takes successes back",
    parts: {
      apply(breakers, views, now) {
        PRODUCT.apply(breakers, views, now)
        const forced = views.filter(({ view }) => view.isForced).map(({ placement }) => placement)
        for (const { placement, held } of breakers.all())
          if (forced.includes(placement)) held.selfSucceeded = 0
      },
    },
  },
  {
    invariant: 'L4',
    change: 'a probe that says nothing has succeeded',
    parts: {
      settleProbe: (breaker, permit, outcome, now) =>
        PRODUCT.settleProbe(breaker, permit, outcome === 'neutral' ? 'succeeded' : outcome, now),
    },
  },
  {
    invariant: 'L5',
    change: 'a view that was not heard is not told again',
    parts: { tellsAgain: false },
  },
]

function grantAnyway(breaker: Breaker, reporter: string, now: number): Permit {
  const { state } = breaker
  const id = `${state.generation}.${state.round.issued}`
  const permit: Permit = { id, reporter, expiresAt: now + 17_000 }
  const round = { ...state.round, issued: state.round.issued + 1, permits: [permit] }
  breaker.state = { ...state, round }
  return permit
}
