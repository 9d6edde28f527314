import {
  type AdmitSettings,
  admit,
  applyToldView,
  applyView,
  type IsolateBreaker,
  readAvailability,
  startIsolateBreaker,
} from '../../shared/breaker/admit.ts'
import { readLocalSettings, startLocalBreaker } from '../../shared/breaker/local.ts'
import { type Pending, type Stamp, startPending } from '../../shared/breaker/pending.ts'
import { RETRIES, type RetryBudget, startBudget } from '../../shared/breaker/retry-budget.ts'
import { readBreakerSettings } from '../../shared/breaker/settings.ts'
import type { Phase } from '../../shared/breaker/state.ts'
import type { BreakerView } from '../../shared/breaker/view.ts'
import { wasSetBack } from '../../shared/clock.ts'
import type { Placement } from '../../shared/config/snapshot.ts'
import { hashRoutingKey } from '../../shared/routing/key-hash.ts'
import type { PlacementView, Views } from '../../shared/rpc/breaker.ts'

/**
 * What this isolate knows of the placements' breakers: the views that it was told, its own local
 * breakers, permits in hand and outcomes to report. Admission is synchronous and reads memory only.
 */
export interface Breakers {
  /** The placement's, under the settings of its newest config. */
  find(placement: Placement): KnownBreaker
  /** The placement of that name, if this isolate has heard of it. */
  peek(placement: string): KnownBreaker | undefined
  /** What changed since the last time, or all that there is. */
  apply(views: Views, now: number): void
  /** The view of one placement. */
  learn(placement: string, view: BreakerView, now: number): void
  /** What is held, as of this moment, for whoever is told by this isolate; null: was told of none. */
  list(now: number): Views | null
  /** All of them, for judging whether this isolate itself is the cause. */
  all(): Iterable<KnownBreaker>
  /** Whether any views have come; before, what is not known may be anything. */
  isTold(): boolean
}

/** One placement's breaker in this isolate. */
export interface KnownBreaker {
  readonly placement: string
  settings: AdmitSettings
  readonly held: IsolateBreaker
  readonly pending: Pending
  readonly retries: RetryBudget
  /** Somebody is about to report until then; a deadline, because that request may be cancelled. */
  busyUntil: number
  nextReportAt: number
  gapMs: number
  nextBeaconAt: number
  nextAskAt: number
  /** As the breaker's object wants it. */
  share: number
  lastUsedAt: number
  lastFailedAt: number
}

/** A placement as a request meets it. */
export interface Passage {
  readonly breaker: KnownBreaker
  readonly admittance: 'allow' | 'probe' | 'self_probe'
  readonly permit: string | undefined
  readonly stamp: Stamp
  /** Before the request's own outcome counts. */
  readonly circuitState: CircuitState
}

export type CircuitState = Phase | 'unknown'

/** More than any config has: beyond, placements that are no longer published are forgotten. */
const MOST_PLACEMENTS = 4_000
export const BEACON_MS = 10_000
/** Of a placement that no request has met yet: replaced when one does. */
const UNUSED: AdmitSettings = {
  local: { consecutiveFailures: null, window: null, openMs: 0, openMaxMs: 0 },
  ramp: { durationMs: 1, minimumWeight: 1, exponent: 1, minimumRequests: 1 },
}

export function createBreakers(random: () => number = () => Math.random()): Breakers {
  const byName = new Map<string, KnownBreaker>()
  const byPlacement = new WeakMap<Placement, KnownBreaker>()
  let isTold = false

  const startAt = (placement: string, settings: AdmitSettings, now: number): KnownBreaker => {
    if (byName.size >= MOST_PLACEMENTS) byName.clear()
    const started = startKnown(placement, settings, now + BEACON_MS * (0.5 + random() / 2))
    byName.set(placement, started)
    return started
  }
  const open = (placement: string, now: number): KnownBreaker =>
    byName.get(placement) ?? startAt(placement, UNUSED, now)
  return {
    find(placement) {
      const known = byPlacement.get(placement)
      if (known !== undefined) return known
      const { name } = placement
      const settings = readAdmitSettings(placement)
      const found = byName.get(name) ?? startAt(name, settings, Date.now())
      found.settings = settings
      byPlacement.set(placement, found)
      return found
    },
    peek: (placement) => byName.get(placement),
    apply(views, now) {
      isTold = true
      for (const { placement, view } of views) applyToldView(open(placement, now).held, view, now)
    },
    learn(placement, view, now) {
      applyView(open(placement, now).held, view, now)
    },
    list: (now) => (isTold ? listViews(byName, now) : null),
    all: () => byName.values(),
    // Told once, an isolate knows that what it was not told of has never opened.
    isTold: () => isTold,
  }
}

const readAdmitSettings = ({ circuitBreaker, timeouts }: Placement): AdmitSettings => ({
  local: readLocalSettings(circuitBreaker),
  ramp: readBreakerSettings(circuitBreaker, timeouts.headersMs).ramp,
})

const startKnown = (
  placement: string,
  settings: AdmitSettings,
  nextBeaconAt: number,
): KnownBreaker => ({
  placement,
  settings,
  held: startIsolateBreaker(),
  pending: startPending(),
  retries: startBudget(RETRIES),
  busyUntil: 0,
  nextReportAt: 0,
  gapMs: 0,
  nextBeaconAt,
  nextAskAt: 0,
  share: 1,
  lastUsedAt: 0,
  lastFailedAt: 0,
})

/** undefined: not through this placement now. */
export function pass(
  breakers: Breakers,
  placement: Placement,
  request: { readonly routingKey: string; readonly isSafe: boolean; readonly isLast: boolean },
  now: number,
): Passage | undefined {
  const breaker = breakers.find(placement)
  const { held, settings } = breaker
  if (wasSetBack(Math.max(held.receivedAt, breaker.lastUsedAt), now)) forgetTimes(breaker, now)
  const { view, permit } = held
  // One tenant has one key: a ramp over keys would only keep it out for longer.
  const isSpared = request.isLast && placement.kind === 'dedicated'
  const isRamped = view?.phase === 'recovering' && !isSpared
  const keyShare = isRamped ? hashRoutingKey(request.routingKey) / 2 ** 32 : 0
  const admittance = admit(held, settings, now, keyShare, request.isSafe)
  if (admittance === 'deny') return undefined
  const isLocal = admittance === 'self_probe'
  return {
    breaker,
    admittance,
    permit: admittance === 'probe' ? permit?.id : undefined,
    stamp: view,
    circuitState: isLocal ? 'half_open' : nameState(breakers, view),
  }
}

/** What was planned by a clock that has been set back would not be due for as long. */
function forgetTimes(breaker: KnownBreaker, now: number): void {
  const { held } = breaker
  held.receivedAt = Math.min(held.receivedAt, now)
  held.permit = undefined
  held.selfProbeAt = 0
  Object.assign(held.local, startLocalBreaker())
  const plans = { busyUntil: 0, nextReportAt: 0, gapMs: 0, nextAskAt: 0 }
  Object.assign(breaker, plans, { nextBeaconAt: now, lastUsedAt: now, lastFailedAt: 0 })
}

const nameState = (breakers: Breakers, view: BreakerView | undefined): CircuitState =>
  view?.phase ?? (breakers.isTold() ? 'closed' : 'unknown')

/** What this isolate goes by, for whoever asks why. */
export interface Standing {
  readonly circuitState: CircuitState
  readonly availability: 'available' | 'draining' | 'unhealthy'
  /** Its own breaker lets nothing through, whatever the view says. */
  readonly isOpenLocally: boolean
}

export function readStanding(
  breakers: Breakers,
  { name, endpoints }: Placement,
  now: number,
): Standing {
  const held = breakers.peek(name)?.held
  return {
    circuitState: nameState(breakers, held?.view),
    availability: held === undefined ? 'available' : readAvailability(held, endpoints.length, now),
    isOpenLocally: held !== undefined && now < held.local.openUntil,
  }
}

/** How long it will be denied here at least, in ms, as far as this isolate knows. */
export function readDeniedMs({ held }: KnownBreaker, now: number): number {
  const { view, receivedAt, local } = held
  const byView = view?.phase === 'open' ? view.leftMs - (now - receivedAt) : 0
  return Math.max(0, byView, local.openUntil - now)
}

function listViews(byName: ReadonlyMap<string, KnownBreaker>, now: number): Views {
  const views: PlacementView[] = []
  for (const known of byName.values()) {
    const { view, receivedAt } = known.held
    // A breaker that never changed is what everybody takes it for.
    if (view === undefined || view.version === 1) continue
    const ageMs = Math.max(0, now - receivedAt)
    views.push({ placement: known.placement, view: { ...view, ageMs } })
  }
  return views
}
