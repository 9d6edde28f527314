import {
  advance,
  type Breaker,
  clearOverride,
  override,
  readDeadline,
  startBreaker,
} from '../../shared/breaker/machine.ts'
import { printGrant } from '../../shared/breaker/probes.ts'
import {
  noteArrival,
  type ReportRate,
  readShare,
  startRate,
} from '../../shared/breaker/report-rate.ts'
import { type BreakerState, type OverrideMode, startState } from '../../shared/breaker/state.ts'
import { type BreakerView, isTransient } from '../../shared/breaker/view.ts'
import type { Placement } from '../../shared/config/snapshot.ts'
import type { BreakerReply, BreakerReport, GrantedPermit } from '../../shared/rpc/breaker.ts'
import { isBreakerReport } from '../../shared/rpc/breaker-report.ts'
import { hearView } from './breaker-board.ts'
import { Violation } from './breaker-trace.ts'
import type { Clock, World } from './breaker-world.ts'

/**
 * A placement's breaker object, after durable-objects/circuit-breaker.ts: it loads, runs the
 * machine, stores what changed, tells the coordinator, and sets its alarm.
 */
export interface BreakerObject {
  readonly index: number
  readonly placement: Placement
  readonly clock: Clock
  readonly storage: { state: BreakerState | undefined; alarmAt: number | null; told: Told }
  memory: Memory | undefined
  /** Unreachable until then. */
  awayUntil: number
  alarms: number
}

interface Memory {
  readonly breaker: Breaker
  rate: ReportRate
  armedFor: number | null
  nextTellAt: number
  failures: number
  isTelling: boolean
}

type Told = { readonly epoch: number; readonly version: number; readonly at: number } | undefined

const TELL_GAP_MS = 1_000
const REPEAT_MS = 60_000
const LONGEST_WAIT_MS = 60_000
const TELL_DEADLINE_MS = 5_000

export function createObject(index: number, placement: Placement, clock: Clock): BreakerObject {
  const storage = { state: undefined, alarmAt: null, told: undefined }
  return { index, placement, clock, storage, memory: undefined, awayUntil: 0, alarms: 0 }
}

/** After a publish, or after its storage was lost. */
export function configure(world: World, object: BreakerObject): void {
  const now = world.read(object.clock)
  object.storage.state ??= startState(now, now)
  act(world, object, () => {})
}

export const isAway = (world: World, object: BreakerObject): boolean =>
  world.now() < object.awayUntil

/** Memory is gone, and it may go on on a machine with another clock. */
export function evict(world: World, object: BreakerObject): void {
  object.memory = undefined
  object.clock.offset += 100 * (world.random() - 0.5)
}

export function loseStorage(world: World, object: BreakerObject): void {
  evict(world, object)
  object.storage.state = undefined
  object.storage.alarmAt = null
  object.storage.told = undefined
  object.alarms++
}

function wake(world: World, object: BreakerObject): Memory | undefined {
  const { state } = object.storage
  if (state === undefined || object.memory !== undefined) return object.memory
  const { circuitBreaker, timeouts } = object.placement
  const settings = world.parts.readSettings(circuitBreaker, timeouts.headersMs)
  const breaker = startBreaker(settings, world.parts.keep(state), world.random)
  object.memory = {
    breaker,
    rate: startRate,
    armedFor: null,
    nextTellAt: 0,
    failures: 0,
    isTelling: false,
  }
  world.watch.onWake(object, breaker.state)
  return object.memory
}

/** undefined: it was never configured. */
function act<T>(
  world: World,
  object: BreakerObject,
  work: (breaker: Breaker, now: number, memory: Memory) => T,
): T | undefined {
  const memory = wake(world, object)
  if (memory === undefined) return undefined
  const { breaker } = memory
  const now = world.read(object.clock)
  const before = breaker.state
  advanceStepwise(world, object, breaker, now)
  const result = work(breaker, now, memory)
  if (breaker.state !== before || object.storage.state === undefined)
    object.storage.state = breaker.state
  tell(world, object, memory, now)
  arm(world, object, memory, now)
  return result
}

/** The same as `advance` at once, but every step is seen. */
function advanceStepwise(world: World, object: BreakerObject, breaker: Breaker, now: number): void {
  for (let steps = 0; steps < 1_000; steps++) {
    const at = readDeadline(breaker.state, breaker.settings)
    if (at === null || at > now) return
    const before = breaker.state
    advance(breaker, at)
    world.watch.onStep(object, before, breaker.state, 'time', now)
  }
  throw new Violation('S3', 'time does not come to an end')
}

/** What an isolate gets for its report; undefined: this placement is not known here. */
export function takeReport(
  world: World,
  object: BreakerObject,
  report: BreakerReport,
): BreakerReply | undefined {
  if (!isBreakerReport(report)) throw new Violation('report', JSON.stringify(report))
  return act(world, object, (breaker, now, memory) => {
    memory.rate = noteArrival(memory.rate, now)
    for (const { permit, outcome } of report.probes) {
      const before = breaker.state
      const verdict = world.parts.settleProbe(breaker, permit, outcome, now)
      world.watch.onSettle(object, before, breaker.state, { permit, verdict, now })
    }
    const watched = world.watch.beforeReport(object, breaker, report)
    world.parts.noteReport(breaker, report, now)
    world.watch.onReport(object, breaker, report, watched)
    const permit = report.wantsPermit ? grant(world, object, breaker, report.reporter, now) : null
    const share = readShare(memory.rate)
    return { view: world.parts.readView(breaker, now), permit, share }
  })
}

function grant(
  world: World,
  object: BreakerObject,
  breaker: Breaker,
  reporter: string,
  now: number,
): GrantedPermit | null {
  const permit = world.parts.acquirePermit(breaker, reporter, now)
  if (permit === undefined) return null
  world.watch.onGrant(object, breaker.state, permit, now)
  return printGrant(breaker, permit, now)
}

/** null: takes the override back. */
export function operate(
  world: World,
  object: BreakerObject,
  mode: OverrideMode | null,
  ttlMs: number,
): void {
  act(world, object, (breaker, now) => {
    const before = breaker.state
    if (mode === null) clearOverride(breaker, now)
    else override(breaker, { mode, until: now + ttlMs, owner: 'o', reason: 'r' }, now)
    world.watch.onStep(object, before, breaker.state, 'operator', now)
  })
}

function tell(world: World, object: BreakerObject, memory: Memory, now: number): void {
  const view = world.parts.readView(memory.breaker, now)
  const dueAt = readTellDueAt(object, memory, view)
  if (dueAt === null || now < dueAt || memory.isTelling) return
  memory.isTelling = true
  memory.nextTellAt = now + TELL_GAP_MS
  const settle = (isHeard: boolean): void => {
    if (!memory.isTelling) return
    memory.isTelling = false
    const { epoch, version } = view
    if (isHeard || !world.parts.tellsAgain) object.storage.told = { epoch, version, at: now }
    memory.failures = isHeard ? 0 : memory.failures + 1
    const waitMs = Math.min(LONGEST_WAIT_MS, TELL_GAP_MS * 2 ** memory.failures)
    if (!isHeard) memory.nextTellAt = now + waitMs
    if (object.memory !== memory) return
    if (world.parts.actsWhenTold) act(world, object, () => {})
    else arm(world, object, memory, world.read(object.clock))
  }
  world.after(TELL_DEADLINE_MS, () => settle(false))
  world.send(() => {
    hearView(world, object.index, view)
    world.send(() => settle(true))
  })
}

function readTellDueAt(object: BreakerObject, memory: Memory, view: BreakerView): number | null {
  if (view.version === 1) return null
  const { told } = object.storage
  if (told?.epoch !== view.epoch || told.version !== view.version) return memory.nextTellAt
  return isTransient(view) ? Math.max(memory.nextTellAt, told.at + REPEAT_MS) : null
}

function arm(world: World, object: BreakerObject, memory: Memory, now: number): void {
  const { breaker } = memory
  const view = world.parts.readView(breaker, now)
  const deadlines = [
    readDeadline(breaker.state, breaker.settings),
    readTellDueAt(object, memory, view),
  ].filter((at) => at !== null)
  const deadline = deadlines.length === 0 ? null : Math.max(1, Math.min(...deadlines))
  if (deadline === memory.armedFor) return
  memory.armedFor = deadline
  object.storage.alarmAt = deadline
  object.alarms++
  if (deadline !== null) ring(world, object, deadline, object.alarms)
}

/** Late, and now and then more than once; it waits while the object is away. */
function ring(world: World, object: BreakerObject, at: number, alarm: number): void {
  const { offset, rate } = object.clock
  const dueAt = Math.max(world.now(), (at - offset) / rate, object.awayUntil)
  if (!Number.isFinite(dueAt)) return
  const lateMs = world.weather.lateAlarmMs * world.random() ** 3 + 1
  world.after(dueAt - world.now() + lateMs, () => {
    if (object.alarms !== alarm) return
    if (isAway(world, object)) return ring(world, object, at, alarm)
    object.storage.alarmAt = null
    if (object.memory !== undefined) object.memory.armedFor = null
    world.note({ e: 'alarm', o: object.index })
    act(world, object, () => {})
    if (world.random() < world.weather.duplicate)
      world.after(1_000, () => act(world, object, () => {}))
  })
}
