import type { Breaker } from '../../shared/breaker/machine.ts'
import { type BreakerSettings, readBreakerSettings } from '../../shared/breaker/settings.ts'
import type { BreakerState, Permit } from '../../shared/breaker/state.ts'
import { sumSince } from '../../shared/breaker/window.ts'
import type { BreakerReport } from '../../shared/rpc/breaker.ts'
import type { BreakerObject } from './breaker-object.ts'
import {
  clearLog,
  findObjection,
  findSoleCause,
  type Log,
  noteEntry,
  readLongestStreak,
  startLog,
} from './breaker-oracle.ts'
import { demand } from './breaker-trace.ts'
import type { World } from './breaker-world.ts'

/** What may become of a breaker object, S1 to S9. */

export type Cause = 'time' | 'report' | 'probe' | 'operator'

/** Before a report. */
export interface Watched {
  readonly before: BreakerState
  readonly calls: number
  readonly streak: number
  /** Whether it may have an effect. */
  readonly counts: boolean
}

/** What is known of an object without asking it. */
export interface Ledger {
  readonly settings: BreakerSettings
  readonly epoch: number
  log: Log
  /** By id: granted in this generation and not settled; and granted ever and not used. */
  readonly granted: Map<string, Permit>
  readonly unused: Map<string, Permit>
  settled: { well: number; badly: number }
  last: BreakerState | undefined
  /** Those under which a request is at the cell. */
  readonly probing: Set<Permit>
}

interface Step {
  readonly before: BreakerState
  readonly after: BreakerState
  readonly cause: Cause
  readonly now: number
}

/** An evicted object may go on with a clock that is behind by so much. */
const SKEW_MS = 1_000

const ALLOWED: Readonly<Record<Cause, readonly string[]>> = {
  time: ['open>half_open', 'half_open>open', 'recovering>closed'],
  report: ['closed>open', 'recovering>open'],
  probe: ['half_open>open', 'half_open>recovering', 'half_open>closed'],
  operator: [],
}

export const startLedger = ({ placement }: BreakerObject): Ledger => ({
  settings: readBreakerSettings(placement.circuitBreaker, placement.timeouts.headersMs),
  epoch: 0,
  log: startLog(),
  granted: new Map(),
  unused: new Map(),
  settled: { well: 0, badly: 0 },
  last: undefined,
  probing: new Set(),
})

export const readEvidence = ({ evidence }: Breaker) => ({
  calls: sumSince(evidence.window.buckets, 0, Number.POSITIVE_INFINITY).calls,
  streak: evidence.streak,
})

export function checkStep(world: World, object: BreakerObject, ledger: Ledger, step: Step): void {
  const { before, after, cause } = step
  if (after === before) return
  const name = `${before.phase}>${after.phase}`
  const { generation, openings, override } = after
  world.note({ e: 'step', o: object.index, cause, name, g: generation, n: openings })
  const isKept = cause === 'time' && (name === 'recovering>closed' || name === 'closed>closed')
  const isEnd = before.override !== null && override === null
  if (isEnd) checkEnd(before, after)
  else if (override !== null) demand(cause === 'operator', 'S3', () => `${name} under an override`)
  else if (name === 'closed>closed')
    demand(openings === before.openings - 1 && cause === 'time', 'S3', () => `${name} by ${cause}`)
  else demand(ALLOWED[cause].includes(name), 'S3', () => `${name} by ${cause}`)
  demand(
    generation - before.generation === (isKept && !isEnd ? 0 : 1),
    'S3',
    () => `${name}: ${generation}`,
  )
  if (!isEnd && override === null && after.phase === 'open') checkOpening(world, ledger, step)
  if (cause === 'probe') checkVerdict(ledger, after)
  if (generation === before.generation) return
  ledger.granted.clear()
  ledger.settled = { well: 0, badly: 0 }
  clearLog(ledger.log)
}

function checkEnd({ override }: BreakerState, after: BreakerState): void {
  const phase = override?.mode === 'forced_open' ? 'half_open' : 'closed'
  demand(after.phase === phase, 'S3', () => `${after.phase} after ${override?.mode}`)
}

function checkOpening(world: World, { settings }: Ledger, { before, after, cause }: Step): void {
  world.counters.openings++
  const openMs = after.openUntil - after.since
  demand(openMs <= settings.opening.maxMs, 'S7', () => `open for ${openMs} ms`)
  const expected = before.openings + (cause === 'time' ? 0 : 1)
  demand(after.openings === expected, 'S3', () => `${after.openings} openings by ${cause}`)
}

function checkVerdict({ settings, settled }: Ledger, after: BreakerState): void {
  const { probes, maxFailures } = settings.halfOpen
  const isRight =
    after.phase === 'open' ? settled.badly > maxFailures : settled.well >= probes - maxFailures
  demand(isRight, 'S3', () => `${after.phase} after ${JSON.stringify(settled)}`)
  const isDirect = after.phase !== 'closed' || settings.ramp.durationMs === 0
  demand(isDirect, 'S3', () => 'closed without a ramp')
}

export function checkReport(
  world: World,
  object: BreakerObject,
  ledger: Ledger,
  { breaker, report, watched }: { breaker: Breaker; report: BreakerReport; watched: Watched },
): void {
  const { before, counts } = watched
  const now = world.read(object.clock)
  const after = breaker.state
  if (!counts || before.override !== null)
    demand(after === before, 'S4', () => `${report.reporter} ${report.sequence} changed the state`)
  if (!counts) {
    const { calls, streak } = readEvidence(breaker)
    const isSame = calls === watched.calls && streak === watched.streak
    demand(isSame, 'S4', () => `${report.reporter} ${report.sequence} counted`)
    return
  }
  const { log, settings } = ledger
  noteEntry(log, settings, report, now)
  if (after === before) {
    const least = before.override === null ? (settings.consecutiveFailures ?? Infinity) : Infinity
    const longest = readLongestStreak(log)
    demand(longest < least, 'S8', () => `closed after ${longest} in a row at one isolate`)
    return
  }
  const objection = findObjection(log, settings, before, after.reason, now)
  demand(objection === undefined, 'S8', () => `${after.reason}: ${objection}`)
  const sole =
    after.reason === 'consecutive' || settings.rules === null
      ? undefined
      : findSoleCause(log, settings.rules)
  demand(sole === undefined, 'S9', () => `${after.reason}: ${sole}`)
  checkStep(world, object, ledger, { before, after, cause: 'report', now })
}

export function checkObject(world: World, object: BreakerObject, ledger: Ledger): void {
  const { state } = object.storage
  const { last, settings } = ledger
  const { generation: kept, version: keptVersion } = object.memory?.breaker.state ?? state ?? {}
  const isStored = kept === state?.generation && keptVersion === state?.version
  demand(isStored, 'S5', () => `version ${keptVersion} was not stored`)
  if (state === last || state === undefined) return
  ledger.last = state
  const now = world.read(object.clock)
  const { epoch, generation, version, round, phase, override, openUntil } = state
  if (last !== undefined) {
    const isOther = epoch > last.epoch
    const isLater = epoch === last.epoch && generation >= last.generation && version >= last.version
    demand(isOther || isLater, 'S5', () => `${epoch}/${generation}/${version} at the object`)
  }
  const live = round.permits.filter(({ expiresAt }) => expiresAt > now).length
  const { concurrent, probes } = settings.halfOpen
  const isFew = live <= concurrent && live + round.succeeded + round.failed <= probes
  demand(isFew, 'S1', () => `${live} permits, ${round.succeeded} and ${round.failed} probes`)
  const mayProbe = phase === 'half_open' && override === null
  demand(live === 0 || mayProbe, 'S2', () => `${live} permits while ${phase}`)
  const leftMs = phase === 'open' ? openUntil - now : 0
  demand(leftMs <= settings.opening.maxMs + SKEW_MS, 'S7', () => `open for ${leftMs} ms more`)
}
