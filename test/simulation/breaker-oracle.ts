import type { BreakerSettings, RateRules } from '../../shared/breaker/settings.ts'
import type { BreakerState, OpenReason } from '../../shared/breaker/state.ts'
import type { BreakerReport } from '../../shared/rpc/breaker.ts'

/**
 * What a breaker may conclude, said a second time and in another way: from a plain list of the
 * reports that count, without buckets, running sums or early ends.
 */
export interface Log {
  readonly seen: Set<string>
  /** Of this generation and the last window. */
  entries: Entry[]
  /** Since the last report that brought a success, that one included. */
  streak: Entry[]
}

export interface Entry {
  readonly at: number
  readonly report: BreakerReport
}

export const startLog = (): Log => ({ seen: new Set(), entries: [], streak: [] })

export function clearLog(log: Log): void {
  log.entries = []
  log.streak = []
}

/** Whether a report may have an effect at all. Not asked twice for one that arrives once. */
export function mayCount(
  log: Log,
  state: BreakerState,
  settings: BreakerSettings,
  report: BreakerReport,
): boolean {
  const { epoch, generation, reporter, sequence } = report
  if (epoch !== null && epoch !== state.epoch) return false
  const name = `${reporter} ${sequence}`
  if (log.seen.has(name)) return false
  log.seen.add(name)
  if (generation !== null && generation !== state.generation) return false
  if (report.isSuspect || report.ageMs >= settings.window.durationMs) return false
  if (state.override !== null) return state.override.mode === 'metrics_only'
  return state.phase === 'closed' || state.phase === 'recovering'
}

export function noteEntry(
  log: Log,
  settings: BreakerSettings,
  report: BreakerReport,
  now: number,
): void {
  const { succeeded, failed } = sum([report])
  if (succeeded + failed === 0) return
  const { durationMs, buckets } = settings.window
  const at = now - Math.min(durationMs, Math.max(0, report.ageMs))
  const entry = { at, report }
  const widthMs = durationMs / buckets
  const oldest = Math.floor(now / widthMs) - buckets
  log.streak = succeeded > 0 ? [entry] : [...log.streak, entry]
  log.entries = [...log.entries, entry].filter((one) => Math.floor(one.at / widthMs) > oldest)
}

function readStreak(entries: readonly Entry[]): number {
  return entries.reduce((total, { report }) => {
    // As they were seen: what a report stands for beside itself was not seen in a row.
    const { succeeded, failed } = sum([{ ...report, share: 1 }])
    return total + (succeeded > 0 ? report.trailingFailures : failed)
  }, 0)
}

/** Failures in a row of one isolate, with no success of anybody between them. */
export function readLongestStreak({ streak }: Log): number {
  const reporters = new Set(streak.map(({ report }) => report.reporter))
  const ofEach = [...reporters].map((reporter) =>
    readStreak(streak.filter(({ report }) => report.reporter === reporter)),
  )
  return Math.max(0, ...ofEach)
}

/** Those of several isolates count where at least half of what was reported lately has failed. */
function objectToStreak(log: Log, settings: BreakerSettings, now: number): string | undefined {
  const least = settings.consecutiveFailures ?? Number.POSITIVE_INFINITY
  const total = readStreak(log.streak)
  if (total < least) return `${total} in a row`
  if (readLongestStreak(log) >= least) return undefined
  const widthMs = settings.window.durationMs / settings.window.buckets
  const recent = log.entries.filter(({ at }) => Math.floor(at / widthMs) * widthMs > now - 4_000)
  const { calls, failed } = sum(recent.map(({ report }) => report))
  return failed >= calls / 2 ? undefined : `${failed} of ${calls} lately`
}

/** Why it should not have opened; undefined: it should. */
export function findObjection(
  log: Log,
  settings: BreakerSettings,
  before: BreakerState,
  reason: OpenReason | null,
  now: number,
): string | undefined {
  const { rules } = settings
  if (reason === 'consecutive') return objectToStreak(log, settings, now)
  if (rules === null || reason === null) return `opened by ${reason} without rules`
  const minimum =
    before.phase === 'recovering' ? settings.ramp.minimumRequests : rules.minimumRequests
  return objectToRate(log, settings, rules, { minimum, reason, now })
}

interface Claim {
  readonly minimum: number
  readonly reason: OpenReason
  readonly now: number
}

function objectToRate(
  log: Log,
  settings: BreakerSettings,
  rules: RateRules,
  { minimum, reason, now }: Claim,
): string | undefined {
  const widthMs = settings.window.durationMs / settings.window.buckets
  const since = (ms: number) =>
    log.entries.filter(({ at }) => Math.floor(at / widthMs) * widthMs > now - ms)
  const all = sum(log.entries.map(({ report }) => report))
  const { hard, fast } = rules
  if (reason === 'rate' && (all.calls < minimum || all.failed < rules.failureRate * all.calls))
    return `${all.failed} of ${all.calls}`
  if (reason === 'hard') {
    const recent = sum(since(hard.durationMs).map(({ report }) => report))
    if (recent.hard < hard.failures || recent.succeeded > 0) return JSON.stringify(recent)
  }
  if (reason === 'fast') {
    const recent = sum(since(fast?.durationMs ?? 0).map(({ report }) => report))
    const isMet = fast !== null && recent.failed >= fast.failureRate * recent.calls
    if (!isMet || recent.calls < fast.minimumRequests) return JSON.stringify(recent)
  }
  return undefined
}

/** S9: whose doing it is; undefined: more than one isolate's and more than one key's. */
export function findSoleCause(log: Log, rules: RateRules): string | undefined {
  const reports = log.entries.map(({ report }) => report)
  const failing = new Set(reports.filter((one) => sum([one]).failed > 0).map((r) => r.reporter))
  const heard = new Set(reports.map(({ reporter }) => reporter))
  if (failing.size < 2 && heard.size > 1) return `only ${[...failing]} of ${heard.size} reporters`
  const keys = new Map<string, number>()
  for (const { counts } of reports)
    for (const { key, soft, hard } of counts) keys.set(key, (keys.get(key) ?? 0) + soft + hard)
  const failingKeys = [...keys].filter(([, failed]) => failed > 0)
  if (keys.size === 1 || failingKeys.length > 1) return undefined
  const all = sum(reports)
  // What no content of a request can cause, while all others say next to nothing.
  const rest = sum(reports, failingKeys[0]?.[0])
  const isHard = all.hard >= rules.failureRate * all.calls && rest.calls < rules.restMinimum
  return isHard ? undefined : `only key ${failingKeys[0]?.[0]}`
}

/** Each report stands for as many as its share says. */
function sum(reports: readonly BreakerReport[], without?: string) {
  const total = { calls: 0, succeeded: 0, failed: 0, hard: 0 }
  for (const { counts, share } of reports) {
    for (const one of counts) {
      if (one.key === without) continue
      total.calls += (one.succeeded + one.slow + one.soft + one.hard) / share
      total.succeeded += (one.succeeded + one.slow) / share
      total.failed += (one.soft + one.hard) / share
      total.hard += one.hard / share
    }
  }
  return total
}
