import { admitLocally, type LocalBreaker, type LocalSettings, startLocalBreaker } from './local.ts'
import type { RampSettings } from './settings.ts'
import { type BreakerView, isNewerView, isTransient, readWeight, type ToldView } from './view.ts'

/** What an isolate holds of a placement's breaker. Changed in place; no time in it is another's. */
export interface IsolateBreaker {
  view: BreakerView | undefined
  receivedAt: number
  permit: HeldPermit | undefined
  /** While the breaker's object is away: the next request that finds out by itself. */
  selfProbeAt: number
  /** Such requests that succeeded, in a row, since anything was heard. */
  selfSucceeded: number
  readonly local: LocalBreaker
}

export interface HeldPermit {
  readonly id: string
  readonly generation: number
  readonly expiresAt: number
}

export interface AdmitSettings {
  readonly local: LocalSettings
  readonly ramp: RampSettings
}

/** A view says nothing any more, in milliseconds after it came. */
const EXPIRE_MS = 120_000
/** An open view that nobody renews is doubted, but not before this age … */
const FRESH_MS = 15_000
/** … and so long after it should have been half open. */
const GRACE_MS = 5_000
const SELF_PROBE_MS = 5_000
/** After so many successes the isolate goes by its local breaker alone, until it hears something. */
const ENOUGH_SUCCESSES = 3
/** A permit that no repeatable request has used goes to any request, so long before it lapses. */
const LAST_CALL_MS = 2_500

export const startIsolateBreaker = (): IsolateBreaker => ({
  view: undefined,
  receivedAt: 0,
  permit: undefined,
  selfProbeAt: 0,
  selfSucceeded: 0,
  local: startLocalBreaker(),
})

/** False: what is held is as new. */
export function applyView(one: IsolateBreaker, view: BreakerView, now: number): boolean {
  // The same view again: its durations are fresher, and the object is alive.
  const isSame = view.epoch === one.view?.epoch && view.version === one.view.version
  if (!isSame && !isNewerView(view, one.view)) return false
  accept(one, view, now)
  return !isSame
}

/**
 * A view from somebody who was told, as old as he says. The same one again renews only what lives
 * by being repeated: that the machine's word was heard twice does not mean that its object is
 * alive. False: what is held is as new.
 */
export function applyToldView(one: IsolateBreaker, told: ToldView, now: number): boolean {
  const { ageMs, ...view } = told
  const at = now - ageMs
  const isSame = view.epoch === one.view?.epoch && view.version === one.view.version
  if (isSame && isTransient(view) && at > one.receivedAt) {
    // Heard again, perhaps by way of others: no word from the object itself.
    one.view = view
    one.receivedAt = at
  }
  if (!isNewerView(view, one.view)) return false
  accept(one, view, at)
  return true
}

function accept(one: IsolateBreaker, view: BreakerView, at: number): void {
  one.view = view
  one.receivedAt = at
  one.selfSucceeded = 0
}

/** What came of a request that found out by itself. */
export function noteSelfProbe(one: IsolateBreaker, hasFailed: boolean): void {
  one.selfSucceeded = hasFailed ? 0 : one.selfSucceeded + 1
}

/**
 * Whether it may get requests at all, apart from its breaker. An endpoint is unhealthy while its
 * object says so, and is not waited for when that object is away.
 */
export function readAvailability(
  { view, receivedAt }: IsolateBreaker,
  endpoints: number,
  now: number,
): 'available' | 'draining' | 'unhealthy' {
  if (view === undefined) return 'available'
  if (view.isDraining) return 'draining'
  const isUnhealthy = view.unhealthy.length >= endpoints && now - receivedAt <= EXPIRE_MS
  return isUnhealthy ? 'unhealthy' : 'available'
}

/** Indexes of the endpoints that are not worth trying first; none when nothing else is left. */
export function listUnhealthy(
  { view, receivedAt }: IsolateBreaker,
  now: number,
): readonly number[] {
  return view !== undefined && now - receivedAt <= EXPIRE_MS ? view.unhealthy : NONE
}

const NONE: readonly number[] = []

/**
 * allow: like any request. probe: under the permit held. self_probe: alone, because nobody says
 * whether the placement works again. deny: not here.
 */
export type Admittance = 'allow' | 'probe' | 'self_probe' | 'deny'

/**
 * The isolate's decision, from memory alone. `keyShare`: the routing key's hash as a number from 0
 * up to 1. `isSafe`: it may be repeated elsewhere if it fails.
 */
export function admit(
  one: IsolateBreaker,
  settings: AdmitSettings,
  now: number,
  keyShare: number,
  isSafe: boolean,
): Admittance {
  const { view } = one
  if (view !== undefined && isInForce(one, now)) return view.phase === 'open' ? 'deny' : 'allow'
  const byView = admitByView(one, settings, now, keyShare, isSafe)
  if (byView !== 'allow') return byView
  const locally = admitLocally(one.local, settings.local, now)
  return locally === 'probe' ? 'self_probe' : locally
}

/** An operator's word counts. It ends by itself, also when the object that should end it is away. */
export function isInForce({ view, receivedAt }: IsolateBreaker, now: number): boolean {
  if (view === undefined || !view.isForced) return false
  return now - receivedAt <= Math.min(EXPIRE_MS, view.leftMs + GRACE_MS)
}

function admitByView(
  one: IsolateBreaker,
  settings: AdmitSettings,
  now: number,
  keyShare: number,
  isSafe: boolean,
): Admittance {
  const { view, receivedAt } = one
  if (view === undefined || view.phase === 'closed') return 'allow'
  const ageMs = now - receivedAt
  // A ramp ends by itself.
  if (view.phase === 'recovering')
    return keyShare < readWeight(view, view.rampedMs + ageMs, settings.ramp) ? 'allow' : 'deny'
  if (one.selfSucceeded >= ENOUGH_SUCCESSES) return 'allow'
  if (ageMs > Math.max(EXPIRE_MS, view.leftMs + GRACE_MS)) return probeOneself(one, now)
  if (takePermit(one, view, now, isSafe)) return 'probe'
  const isOverdue = view.phase === 'open' && ageMs > view.leftMs + GRACE_MS
  return isOverdue && ageMs > FRESH_MS ? probeOneself(one, now) : 'deny'
}

/** Where no request may be repeated, one that may not has to find out in the end. */
function takePermit(one: IsolateBreaker, view: BreakerView, now: number, isSafe: boolean): boolean {
  const { permit } = one
  if (permit === undefined || permit.generation !== view.generation) return false
  if (!isSafe && now < permit.expiresAt - LAST_CALL_MS) return false
  one.permit = undefined
  return now < permit.expiresAt
}

function probeOneself(one: IsolateBreaker, now: number): Admittance {
  if (now < one.selfProbeAt) return 'deny'
  one.selfProbeAt = now + SELF_PROBE_MS
  return 'self_probe'
}
