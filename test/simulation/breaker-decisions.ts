import type { BreakerSettings } from '../../shared/breaker/settings.ts'
import { type BreakerView, readWeight } from '../../shared/breaker/view.ts'
import { hashRoutingKey } from '../../shared/routing/key-hash.ts'
import type { Passage, pass } from '../../workers/router/breakers.ts'
import type { Isolate } from './breaker-isolate.ts'
import { Violation } from './breaker-trace.ts'
import type { World } from './breaker-world.ts'

/** What an isolate may hold and decide, S5, S6 and S10. */

export interface Decision {
  /** Of what is held, before it decided. */
  readonly before: {
    readonly view: BreakerView | undefined
    readonly receivedAt: number
    readonly selfSucceeded: number
    readonly isLocallyOpen: boolean
  }
  readonly request: Parameters<typeof pass>[2]
  readonly now: number
  readonly passage: Passage | undefined
}

/** An operator's word that nobody repeats. */
const FORGOTTEN_MS = 120_000
const GRACE_MS = 5_000
const ENOUGH_SUCCESSES = 3
/** How much longer one reply may have been on its way than another. */
const TRANSIT_MS = 2_100

export function checkView(
  before: BreakerView | undefined,
  after: BreakerView | undefined,
  { ramp, opening }: BreakerSettings,
): void {
  if (after === before || after === undefined) {
    if (after !== before) throw new Violation('S5', 'an isolate forgot its view')
    return
  }
  const { epoch, version, generation, phase, isForced, leftMs } = after
  const isLater =
    before === undefined ||
    epoch > before.epoch ||
    (epoch === before.epoch && version >= before.version && generation >= before.generation)
  if (!isLater) throw new Violation('S5', `an isolate went back to ${epoch}/${version}`)
  const isShut = phase === 'open' || phase === 'half_open'
  const weight = readWeight(after, after.rampedMs, ramp)
  if (isShut !== (weight === 0)) throw new Violation('S6', `${phase} weighs ${weight}`)
  if (!isForced && leftMs > opening.maxMs) throw new Violation('S7', `told ${leftMs} ms`)
}

export function checkDecision(
  world: World,
  isolate: Isolate,
  index: number,
  decision: Decision,
): void {
  const { before, passage, now } = decision
  const tally = isolate.tally[index]!
  if (passage === undefined) {
    tally.denied++
    world.counters.denied++
  } else {
    tally.allowed++
    world.counters.requests++
    if (passage.admittance === 'allow') tally.lastAllowedAt = world.now()
  }
  if (passage instanceof Promise) throw new Violation('S10', 'a decision waits')
  const { view, receivedAt, selfSucceeded } = before
  if (view === undefined || view.phase === 'closed') return
  const ageMs = now - receivedAt
  if (view.isForced && ageMs <= Math.min(FORGOTTEN_MS, view.leftMs + GRACE_MS)) {
    if (passage !== undefined) throw new Violation('S6', 'a request in spite of the operator')
    return
  }
  if (view.phase === 'recovering') checkRamp(world, tally, decision, view)
  else if (passage?.admittance === 'allow' && selfSucceeded < ENOUGH_SUCCESSES)
    throw new Violation('S6', `a request while ${view.phase}`)
}

/** A key that came back stays, but for what replies differ by on their way. */
function checkRamp(
  world: World,
  tally: Isolate['tally'][number],
  { request, passage, before }: Decision,
  { epoch, generation }: BreakerView,
): void {
  const placement = world.placements[tally.index]!
  // Its one tenant has one key, and nobody else to go to.
  if (placement.kind === 'dedicated' && request.isLast) return
  const of = `${epoch} ${generation}`
  if (tally.ramp.of !== of) tally.ramp = { of, highest: 0 }
  const share = hashRoutingKey(request.routingKey) / 2 ** 32
  if (passage !== undefined) tally.ramp.highest = Math.max(tally.ramp.highest, share)
  else if (!before.isLocallyOpen && share <= tally.ramp.highest) {
    world.counters.fallenKeys++
    const { recoveryMs } = placement.circuitBreaker
    if (share < tally.ramp.highest - TRANSIT_MS / recoveryMs)
      throw new Violation('S6', `the key at ${share} was lost below ${tally.ramp.highest}`)
  }
}
