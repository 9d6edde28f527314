import { noteReport } from '../../shared/breaker/machine.ts'
import { acquirePermit, settleProbe } from '../../shared/breaker/probes.ts'
import { readBreakerSettings } from '../../shared/breaker/settings.ts'
import type { BreakerState } from '../../shared/breaker/state.ts'
import type { BreakerView } from '../../shared/breaker/view.ts'
import { isNewerView, readView } from '../../shared/breaker/view.ts'
import type { BreakerReport, Views } from '../../shared/rpc/breaker.ts'
import { type Breakers, pass } from '../../workers/router/breakers.ts'
import { noteSeen, wantsPermit } from '../../workers/router/outcomes.ts'

/** The product, as the simulation calls it. A test may put a faulty part in place of one. */
export interface Parts {
  // Of the object.
  readonly readSettings: typeof readBreakerSettings
  readonly noteReport: typeof noteReport
  readonly settleProbe: typeof settleProbe
  readonly acquirePermit: typeof acquirePermit
  readonly readView: typeof readView
  /** What comes back from storage after an eviction. */
  readonly keep: (state: BreakerState) => BreakerState
  /** Whether a view that was not heard is told again. */
  readonly tellsAgain: boolean
  /** Whether all that time has brought about is stored when a view has been told. */
  readonly actsWhenTold: boolean
  // Of the isolate.
  readonly pass: typeof pass
  readonly noteSeen: typeof noteSeen
  readonly wantsPermit: typeof wantsPermit
  readonly learn: (breakers: Breakers, placement: string, view: BreakerView, now: number) => void
  readonly apply: (breakers: Breakers, views: Views, now: number) => void
  readonly print: (report: BreakerReport) => BreakerReport
  // Of the coordinator.
  readonly isNewerView: typeof isNewerView
}

export const PRODUCT: Parts = {
  readSettings: readBreakerSettings,
  noteReport,
  settleProbe,
  acquirePermit,
  readView,
  keep: (state) => ({ ...JSON.parse(JSON.stringify(state)) }),
  tellsAgain: true,
  actsWhenTold: true,
  pass,
  noteSeen,
  wantsPermit,
  learn: (breakers, placement, view, now) => breakers.learn(placement, view, now),
  apply: (breakers, views, now) => breakers.apply(views, now),
  print: (report) => report,
  isNewerView,
}
