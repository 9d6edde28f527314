import type { Breaker } from '../../shared/breaker/machine.ts'
import type { BreakerState, Permit } from '../../shared/breaker/state.ts'
import type { BreakerView } from '../../shared/breaker/view.ts'
import type { BreakerReport } from '../../shared/rpc/breaker.ts'
import type { Passage } from '../../workers/router/breakers.ts'
import {
  type Cause,
  checkObject,
  checkReport,
  checkStep,
  type Ledger,
  readEvidence,
  startLedger,
  type Watched,
} from './breaker-checks.ts'
import { checkDecision, checkView, type Decision } from './breaker-decisions.ts'
import type { Isolate } from './breaker-isolate.ts'
import type { BreakerObject } from './breaker-object.ts'
import { mayCount, startLog } from './breaker-oracle.ts'
import { checkGrant, checkSettled, type Settled, startProbe } from './breaker-permits.ts'
import type { World } from './breaker-world.ts'

type State = BreakerState
type View = BreakerView | undefined

/** Watches every step of every object and every isolate, and throws at the first that is wrong. */
export interface Watch {
  onWake(object: BreakerObject, state: State): void
  onStep(object: BreakerObject, before: State, after: State, cause: Cause, now: number): void
  onSettle(object: BreakerObject, before: State, after: State, settled: Settled): void
  beforeReport(object: BreakerObject, breaker: Breaker, report: BreakerReport): Watched
  onReport(object: BreakerObject, breaker: Breaker, report: BreakerReport, watched: Watched): void
  onGrant(object: BreakerObject, state: State, permit: Permit, now: number): void
  onView(isolate: Isolate, index: number, before: View, after: View): void
  onDecision(isolate: Isolate, index: number, decision: Decision): void
  /** What it returns is called when the answer is there. */
  onSend(isolate: Isolate, index: number, passage: Passage): () => void
  afterEvent(): void
}

export function createWatch(getWorld: () => World): Watch {
  const ledgers = new Map<BreakerObject, Ledger>()
  const read = (object: BreakerObject): Ledger => {
    const known = ledgers.get(object) ?? startLedger(object)
    ledgers.set(object, known)
    return known
  }
  return {
    onWake(object, { epoch }) {
      const ledger = read(object)
      ledger.log = startLog()
      if (ledger.epoch !== epoch) Object.assign(ledger, { ...startLedger(object), epoch })
    },
    onStep(object, before, after, cause, now) {
      checkStep(getWorld(), object, read(object), { before, after, cause, now })
    },
    onSettle(object, before, after, settled) {
      checkSettled(getWorld(), object, read(object), { before, after, settled })
    },
    beforeReport(object, breaker, report) {
      const { log, settings } = read(object)
      const counts = mayCount(log, breaker.state, settings, report)
      return { before: breaker.state, ...readEvidence(breaker), counts }
    },
    onReport(object, breaker, report, watched) {
      checkReport(getWorld(), object, read(object), { breaker, report, watched })
    },
    onGrant: (object, state, permit, now) => checkGrant(read(object), state, permit, now),
    onView: (_isolate, index, before, after) => {
      checkView(before, after, read(getWorld().objects[index]!).settings)
    },
    onDecision: (isolate, index, decision) => checkDecision(getWorld(), isolate, index, decision),
    onSend(isolate, index, passage) {
      const object = getWorld().objects[index]!
      return passage.permit === undefined
        ? () => {}
        : startProbe(getWorld(), object, read(object), { isolate, passage })
    },
    afterEvent() {
      for (const object of getWorld().objects) checkObject(getWorld(), object, read(object))
    },
  }
}
