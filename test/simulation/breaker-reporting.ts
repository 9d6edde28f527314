import { closeLocally } from '../../shared/breaker/local.ts'
import { drainPending, noteProbe } from '../../shared/breaker/pending.ts'
import type { ProbeOutcome } from '../../shared/breaker/probes.ts'
import type { BreakerReply, BreakerReport } from '../../shared/rpc/breaker.ts'
import { BEACON_MS, type Breakers, type KnownBreaker } from '../../workers/router/breakers.ts'
import type { Isolate } from './breaker-isolate.ts'
import { isAway, takeReport } from './breaker-object.ts'
import type { World } from './breaker-world.ts'

/**
 * The schedule of reports, after `startReporting` in workers/router/outcomes.ts, whose waits are
 * the platform's: the same rules with waits of virtual time.
 */

const FIRST_REPORT_MS = 250
const GAP_MS = 1_000
const LONGEST_GAP_MS = 2_000
const ANSWER_DEADLINE_MS = 2_000
const QUIET_MS = 5_000
const UNHEARD_MS = 2_000
const MOST_REPORTS = 3
const SUSPECT_MS = 10_000
const PROBE_PATIENCE_MS = 1_000
const MOST_PROBES = 3
const ASK_MS = 2_000

interface Loop {
  readonly isolate: Isolate
  readonly index: number
  readonly known: KnownBreaker
  readonly sendProbe: SendProbe | undefined
  reports: number
  probes: number
  askedAt: number
}

/** The request once more, for its outcome alone. */
export type SendProbe = (permit: string, settle: (outcome: ProbeOutcome) => void) => void

export function startReporting(
  world: World,
  isolate: Isolate,
  index: number,
  known: KnownBreaker,
  now: number,
  sendProbe?: SendProbe,
): void {
  const isUrgent = known.pending.probes.length > 0 || known.nextAskAt > now
  const waitMs = isUrgent ? 0 : chooseWaitMs(world, known, now)
  known.busyUntil = now + waitMs + ANSWER_DEADLINE_MS + GAP_MS
  goOn(world, { isolate, index, known, sendProbe, reports: 0, probes: 0, askedAt: 0 }, waitMs)
}

function chooseWaitMs(world: World, known: KnownBreaker, now: number): number {
  if (now < known.nextReportAt) return known.nextReportAt - now
  known.gapMs = 0
  return known.pending.failed > 0 ? world.random() * FIRST_REPORT_MS : 0
}

function goOn(world: World, loop: Loop, waitMs: number): void {
  // Its request was cancelled: another takes over when the deadline has passed.
  if (world.random() < world.weather.cancel) return
  world.after(waitMs, () => {
    if (loop.isolate.isAlive) reportOnce(world, loop)
  })
}

function reportOnce(world: World, loop: Loop): void {
  const { isolate, index, known } = loop
  const now = world.read(isolate.clock)
  loop.askedAt = now
  const isBeacon = now >= known.nextBeaconAt
  if (isBeacon) known.nextBeaconAt = now + BEACON_MS * (0.9 + world.random() / 5)
  const isAsking = known.nextAskAt > now
  const isThinned = world.random() >= known.share && known.pending.probes.length === 0 && !isAsking
  const envelope = {
    placement: known.placement,
    reporter: isolate.id,
    sequence: isolate.sequence++,
    share: known.share,
    isBeacon,
    isSuspect: isCauseItself(isolate.breakers, now),
    wantsPermit: isAsking,
  }
  const report = world.parts.print(drainPending(known.pending, envelope, now))
  if (isThinned) {
    end(world, loop)
    return
  }
  world.counters.reports++
  ask(world, isolate, index, report, (reply) => settle(world, loop, reply))
}

type Reply = BreakerReply | 'unheard' | 'failed'

/** Lost, late, twice, or not taken: what comes after the deadline is not heard. */
function ask(
  world: World,
  isolate: Isolate,
  index: number,
  report: BreakerReport,
  settleOnce: (reply: Reply) => void,
): void {
  let isSettled = false
  const settle = (reply: Reply): void => {
    if (isSettled || !isolate.isAlive) return
    isSettled = true
    settleOnce(reply)
  }
  world.after(ANSWER_DEADLINE_MS, () => settle('failed'))
  const object = world.objects[index]!
  const { sequence, epoch, generation, probes } = report
  world.note({ e: 'report', i: isolate.index, o: index, s: sequence, ep: epoch, g: generation })
  world.send(() => {
    if (isAway(world, object)) {
      if (world.random() < 0.5) world.send(() => settle('failed'))
      return
    }
    const reply = takeReport(world, object, report) ?? 'unheard'
    world.note({
      e: 'taken',
      i: isolate.index,
      o: index,
      s: sequence,
      probes: probes.map(({ permit, outcome }) => `${permit} ${outcome}`).join(', '),
      v: reply === 'unheard' ? null : reply.view.version,
      ph: reply === 'unheard' ? null : reply.view.phase,
      permit: reply === 'unheard' ? null : reply.permit?.id,
    })
    world.send(() => settle(reply))
  })
}

function settle(world: World, loop: Loop, reply: Reply): void {
  const { isolate, index, known } = loop
  const now = world.read(isolate.clock)
  if (reply === 'unheard') known.busyUntil = now + UNHEARD_MS * (1 + world.random())
  if (reply === 'failed') known.busyUntil = now + QUIET_MS * (1 + world.random())
  if (reply === 'unheard' || reply === 'failed') return
  const { view, permit, share } = reply
  const before = known.held.view
  world.parts.learn(isolate.breakers, known.placement, view, now)
  world.watch.onView(isolate, index, before, known.held.view)
  known.share = share > 0 && share <= 1 ? share : 1
  if (permit !== null) {
    const { id, generation, leftMs } = permit
    known.held.permit = { id, generation, expiresAt: loop.askedAt + leftMs }
    const patienceMs = loop.sendProbe ? PROBE_PATIENCE_MS : loop.askedAt + leftMs - now
    world.after(patienceMs, () => probeBehind(world, loop, id))
  }
  end(world, loop)
}

/** As the function of that name: when nobody has used the permit. */
function probeBehind(world: World, loop: Loop, id: string): void {
  const { isolate, known, sendProbe } = loop
  const { held, pending } = known
  if (!isolate.isAlive || loop.probes >= MOST_PROBES) return
  const { permit, view } = held
  if (permit?.id !== id || permit.generation !== view?.generation) return
  held.permit = undefined
  loop.probes++
  if (sendProbe === undefined || world.read(isolate.clock) >= permit.expiresAt) {
    noteProbe(pending, id, 'neutral')
    known.nextAskAt = 0
    reportOnce(world, loop)
    return
  }
  sendProbe(id, (outcome) => {
    noteProbe(pending, id, outcome)
    if (outcome === 'succeeded') closeLocally(held.local)
    known.nextAskAt = world.read(isolate.clock) + ASK_MS
    reportOnce(world, loop)
  })
}

function end(world: World, loop: Loop): void {
  const { isolate, known } = loop
  const now = world.read(isolate.clock)
  known.gapMs = Math.min(LONGEST_GAP_MS, known.gapMs === 0 ? GAP_MS : 2 * known.gapMs)
  known.nextReportAt = now + known.gapMs
  const waitMs = known.pending.probes.length > 0 ? 0 : known.gapMs
  loop.reports++
  const isDone =
    known.pending.failed + known.pending.probes.length === 0 || loop.reports >= MOST_REPORTS
  known.busyUntil = isDone ? 0 : now + waitMs + ANSWER_DEADLINE_MS + GAP_MS
  if (!isDone) goOn(world, loop, waitMs)
}

/** When almost everything fails from here, the likely cause is here. */
function isCauseItself(breakers: Breakers, now: number): boolean {
  let used = 0
  let failed = 0
  for (const { lastUsedAt, lastFailedAt } of breakers.all()) {
    if (now - lastUsedAt > SUSPECT_MS) continue
    used++
    if (now - lastFailedAt <= SUSPECT_MS) failed++
  }
  return failed >= 3 && failed >= 0.8 * used
}
