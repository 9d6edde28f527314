import { applyView, type HeldPermit, isInForce, noteSelfProbe } from '../../shared/breaker/admit.ts'
import type { Outcome } from '../../shared/breaker/classify.ts'
import { closeLocally, noteLocally, releaseLocalProbe } from '../../shared/breaker/local.ts'
import { drainPending, noteOutcome, noteProbe } from '../../shared/breaker/pending.ts'
import type { ProbeOutcome } from '../../shared/breaker/probes.ts'
import { earnToken, RETRIES } from '../../shared/breaker/retry-budget.ts'
import { printHex } from '../../shared/hex.ts'
import { hashRoutingKey } from '../../shared/routing/key-hash.ts'
import type { BreakerApi, BreakerReply, BreakerReport } from '../../shared/rpc/breaker.ts'
import type { SendProbe } from './background-probe.ts'
import { BEACON_MS, type Breakers, type KnownBreaker, type Passage } from './breakers.ts'
import { withDeadline } from './deadline.ts'

/**
 * What requests tell of their placements, gathered and reported behind their backs: the first
 * failure within 250 ms, later ones at most once a second or two, successes every ten seconds.
 * Whoever reports leaves a deadline, never a flag: should its request be cancelled, another takes
 * over.
 */

/** What a request has for it: made per request, because stubs and contexts never cross requests. */
export interface Line {
  readonly ctx: Pick<ExecutionContext, 'waitUntil'>
  /** undefined: this deployment has no breaker objects; every isolate is on its own. */
  connect(placement: string): Pick<BreakerApi, 'report'> | undefined
}

const FIRST_REPORT_MS = 250
const GAP_MS = 1_000
const LONGEST_GAP_MS = 2_000
const ANSWER_DEADLINE_MS = 2_000
const QUIET_MS = 5_000
const ASK_MS = 2_000
/** Right after a publish the object may not have heard of its placement yet. */
const UNHEARD_MS = 2_000
/** A report that its request takes care of ends after so many. */
const MOST_REPORTS = 3
const SUSPECT_MS = 10_000
/** How long a permit waits for a request of its own. */
const PROBE_PATIENCE_MS = 1_000
/** A request is sent again so often at most. */
const MOST_PROBES = 3

export interface Seen {
  readonly passage: Passage
  readonly routingKey: string
  readonly outcome: Outcome
}

/** True: it is time for this request to report. Costs no call and no promise otherwise. */
export function noteSeen(seen: Seen, now: number): boolean {
  const { passage, outcome } = seen
  const { breaker, permit, stamp } = passage
  breaker.lastUsedAt = now
  if (permit !== undefined) noteProbe(breaker.pending, permit, readProbeOutcome(outcome))
  if (outcome === 'neutral') {
    if (passage.admittance === 'self_probe') releaseLocalProbe(breaker.held.local)
  } else {
    const hasFailed = outcome !== 'succeeded'
    if (hasFailed) breaker.lastFailedAt = now
    else earnToken(breaker.retries, RETRIES)
    // What a probe finds is told by its permit.
    if (permit !== undefined) {
      if (!hasFailed) closeLocally(breaker.held.local)
      return isReportDue(breaker, now)
    }
    // While an operator's word counts, what the isolate itself would conclude does not.
    if (passage.admittance === 'self_probe') noteSelfProbe(breaker.held, hasFailed)
    if (!isInForce(breaker.held, now))
      noteLocally(breaker.held.local, breaker.settings.local, hasFailed, now)
    noteOutcome(breaker.pending, stamp, hashRoutingKey(seen.routingKey), outcome, now)
  }
  return isReportDue(breaker, now)
}

const readProbeOutcome = (outcome: Outcome): ProbeOutcome =>
  outcome === 'soft' || outcome === 'hard' ? 'failed' : outcome

function isReportDue({ pending, busyUntil, nextBeaconAt }: KnownBreaker, now: number): boolean {
  if (now < busyUntil) return false
  return pending.failed > 0 || pending.probes.length > 0 || now >= nextBeaconAt
}

/** True: this request is to ask for a permit, which a later one uses. */
export function wantsPermit(breaker: KnownBreaker, now: number): boolean {
  const { view, receivedAt, permit } = breaker.held
  if (view === undefined || view.isForced) return false
  if (now < breaker.nextAskAt || now < breaker.busyUntil) return false
  const isHalfOpen =
    view.phase === 'half_open' || (view.phase === 'open' && now - receivedAt >= view.leftMs)
  if (!isHalfOpen || (permit !== undefined && now < permit.expiresAt)) return false
  breaker.nextAskAt = now + ASK_MS
  return true
}

/** The isolate as the breaker objects know it. */
export interface Reporter {
  /** 96 random bits, hex; drawn at the first report, because an isolate starts without randomness. */
  id: string
  sequence: number
  readonly breakers: Breakers
  readonly random: () => number
}

export function startReporter(breakers: Breakers, random: () => number): Reporter {
  return { id: '', sequence: 0, breakers, random }
}

/** Call it when one of the two above says so. */
export function startReporting(
  reporter: Reporter,
  line: Line,
  breaker: KnownBreaker,
  now: number,
  sendProbe?: SendProbe,
): void {
  const object = line.connect(breaker.placement)
  if (object === undefined) {
    breaker.busyUntil = Number.POSITIVE_INFINITY
    return
  }
  const isUrgent = breaker.pending.probes.length > 0 || breaker.nextAskAt > now
  const waitMs = isUrgent ? 0 : chooseWaitMs(reporter, breaker, now)
  breaker.busyUntil = now + waitMs + ANSWER_DEADLINE_MS + GAP_MS
  const reported = reportUntilDone(reporter, line, breaker, waitMs)
  line.ctx.waitUntil(reported.then(() => probeBehind(reporter, line, breaker, sendProbe)))
}

function chooseWaitMs({ random }: Reporter, breaker: KnownBreaker, now: number): number {
  if (now < breaker.nextReportAt) return breaker.nextReportAt - now
  breaker.gapMs = 0
  return breaker.pending.failed > 0 ? random() * FIRST_REPORT_MS : 0
}

/** Failures that come in meanwhile are reported as well, though no further request may follow. */
async function reportUntilDone(
  reporter: Reporter,
  line: Line,
  breaker: KnownBreaker,
  firstWaitMs: number,
): Promise<void> {
  let waitMs = firstWaitMs
  for (let reports = 0; reports < MOST_REPORTS; reports++) {
    if (waitMs > 0) await scheduler.wait(waitMs)
    if (!(await reportOnce(reporter, line, breaker))) return
    const now = Date.now()
    breaker.gapMs = Math.min(LONGEST_GAP_MS, breaker.gapMs === 0 ? GAP_MS : 2 * breaker.gapMs)
    breaker.nextReportAt = now + breaker.gapMs
    waitMs = breaker.pending.probes.length > 0 ? 0 : breaker.gapMs
    if (breaker.pending.failed + breaker.pending.probes.length === 0) break
    breaker.busyUntil = now + waitMs + ANSWER_DEADLINE_MS + GAP_MS
  }
  breaker.busyUntil = 0
}

/** Uses the permits that nobody has used, or gives them back: requests are rare here. */
async function probeBehind(
  reporter: Reporter,
  line: Line,
  breaker: KnownBreaker,
  sendProbe: SendProbe | undefined,
): Promise<void> {
  const { held } = breaker
  for (let probes = 0; probes < MOST_PROBES; probes++) {
    const { permit } = held
    if (permit === undefined) return
    await scheduler.wait(sendProbe ? PROBE_PATIENCE_MS : permit.expiresAt - Date.now())
    if (held.permit !== permit || permit.generation !== held.view?.generation) return
    held.permit = undefined
    const isUsable = sendProbe !== undefined && Date.now() < permit.expiresAt
    settlePermit(breaker, permit, isUsable ? await sendProbe() : undefined)
    if (!(await reportOnce(reporter, line, breaker))) return
  }
}

function settlePermit(breaker: KnownBreaker, { id }: HeldPermit, outcome?: ProbeOutcome): void {
  noteProbe(breaker.pending, id, outcome ?? 'neutral')
  if (outcome === 'succeeded') closeLocally(breaker.held.local)
  breaker.nextAskAt = outcome === undefined ? 0 : Date.now() + ASK_MS
}

/** False: the object is away, or does not want to hear of it. Never rejects. */
async function reportOnce(reporter: Reporter, line: Line, breaker: KnownBreaker): Promise<boolean> {
  const { breakers, random } = reporter
  reporter.id ||= printHex(crypto.getRandomValues(new Uint8Array(12)))
  const now = Date.now()
  const isBeacon = now >= breaker.nextBeaconAt
  if (isBeacon) breaker.nextBeaconAt = now + BEACON_MS * (0.9 + random() / 5)
  const { pending, share, placement } = breaker
  const isAsking = breaker.nextAskAt > now
  const isThinned = random() >= share && pending.probes.length === 0 && !isAsking
  const isSuspect = isCauseItself(breakers, now)
  const sequence = reporter.sequence++
  const envelope = {
    placement,
    reporter: reporter.id,
    sequence,
    share,
    isBeacon,
    isSuspect,
    wantsPermit: isAsking,
  }
  const report = drainPending(pending, envelope, now)
  if (isThinned) return true
  try {
    const reply = await send(line, report)
    if (reply !== undefined) accept(breaker, reply, now)
    if (reply === undefined) breaker.busyUntil = Date.now() + UNHEARD_MS * (1 + random())
    return reply !== undefined
  } catch {
    // Not sent again: evidence is fresh or worth nothing.
    breaker.busyUntil = Date.now() + QUIET_MS * (1 + random())
    return false
  }
}

async function send(line: Line, report: BreakerReport): Promise<BreakerReply | undefined> {
  const asked = (async () => line.connect(report.placement)?.report(report))()
  const reply = await withDeadline(asked, ANSWER_DEADLINE_MS)
  return reply?.ok ? reply.value : undefined
}

/** A permit counts from the question on, so that it lapses here before it does at the object. */
function accept(
  breaker: KnownBreaker,
  { view, permit, share }: BreakerReply,
  askedAt: number,
): void {
  applyView(breaker.held, view, Date.now())
  breaker.share = share > 0 && share <= 1 ? share : 1
  if (permit === null) return
  const { id, generation, leftMs } = permit
  breaker.held.permit = { id, generation, expiresAt: askedAt + leftMs }
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
