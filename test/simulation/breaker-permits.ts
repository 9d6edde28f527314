import type { ProbeVerdict } from '../../shared/breaker/probes.ts'
import type { BreakerState, Permit } from '../../shared/breaker/state.ts'
import type { Passage } from '../../workers/router/breakers.ts'
import { checkStep, type Ledger } from './breaker-checks.ts'
import type { Isolate } from './breaker-isolate.ts'
import type { BreakerObject } from './breaker-object.ts'
import { demand, Violation } from './breaker-trace.ts'
import type { World } from './breaker-world.ts'

/** What may become of a permit, from its grant to the end of its request, S1, S2 and S4. */

export interface Settled {
  readonly permit: string
  readonly verdict: ProbeVerdict
  readonly now: number
}

export function checkGrant(
  ledger: Ledger,
  { phase, override }: BreakerState,
  permit: Permit,
  now: number,
): void {
  const { granted, unused, settled, settings } = ledger
  const { concurrent, probes } = settings.halfOpen
  demand(phase === 'half_open' && override === null, 'S2', () => `a permit while ${phase}`)
  granted.set(permit.id, permit)
  unused.set(permit.id, permit)
  const live = [...granted.values()].filter(({ expiresAt }) => expiresAt > now)
  demand(live.length <= concurrent, 'S1', () => `${live.length} permits`)
  const total = live.length + settled.well + settled.badly
  demand(total <= probes, 'S1', () => `${total} probes`)
  const own = live.filter(({ reporter }) => reporter === permit.reporter)
  demand(own.length === 1, 'S1', () => `${permit.reporter} holds ${own.length}`)
}

/** A permit is for one request of one isolate, and the cell sees few of them at a time. */
export function startProbe(
  world: World,
  object: BreakerObject,
  { unused, probing, granted, settings }: Ledger,
  { isolate, passage }: { isolate: Isolate; passage: Passage },
): () => void {
  const id = passage.permit ?? ''
  const permit = unused.get(id)
  // The storage was lost meanwhile, and with it what was granted.
  if (permit === undefined && passage.stamp?.epoch !== object.storage.state?.epoch) return () => {}
  if (permit?.reporter !== isolate.id) throw new Violation('S1', `${isolate.id} uses ${id}`)
  unused.delete(id)
  const now = world.read(object.clock)
  if (permit.expiresAt <= now) world.counters.lateProbes++
  probing.add(permit)
  const live = [...probing].filter((one) => granted.get(one.id) === one)
  demand(live.length <= settings.halfOpen.concurrent, 'S1', () => `${live.length} probes at once`)
  world.counters.mostProbes = Math.max(
    world.counters.mostProbes,
    probing.size - settings.halfOpen.concurrent,
  )
  return () => probing.delete(permit)
}

export function checkSettled(
  world: World,
  object: BreakerObject,
  ledger: Ledger,
  { before, after, settled }: { before: BreakerState; after: BreakerState; settled: Settled },
): void {
  const { permit, verdict, now } = settled
  const held = ledger.granted.get(permit)
  const isLive = held !== undefined && held.expiresAt > now
  if (!isLive) {
    demand(before === after, 'S4', () => `permit ${permit} had lapsed and changed the state`)
    return
  }
  demand(verdict !== 'no_permit', 'S1', () => `the permit ${permit} was forgotten`)
  ledger.granted.delete(permit)
  if (verdict === 'succeeded') ledger.settled.well++
  if (verdict === 'failed') ledger.settled.badly++
  if (after.phase !== before.phase)
    checkStep(world, object, ledger, { before, after, cause: 'probe', now })
}
