import {
  type Breaker,
  clearOverride,
  noteCheck,
  noteReport,
  override,
  type Report,
  resetBreaker,
  startBreaker,
  type Verdict,
} from '../../../shared/breaker/machine.ts'
import { acquirePermit, type ProbeOutcome, settleProbe } from '../../../shared/breaker/probes.ts'
import type { BreakerSettings } from '../../../shared/breaker/settings.ts'
import { type OverrideMode, startState } from '../../../shared/breaker/state.ts'
import { readView, readWeight } from '../../../shared/breaker/view.ts'
import type { KeyCounts } from '../../../shared/breaker/window.ts'
import type { Step, Subject, VectorConfig } from './vectors.ts'

/** A breaker without an object around it, driven by the steps of a vector. */

const VERDICTS: Partial<Record<Verdict, string>> = { duplicate: 'dup', foreign: 'epoch' }
const OUTCOMES: Record<string, ProbeOutcome> = {
  ok: 'succeeded',
  fail: 'failed',
  slow: 'slow',
  neutral: 'neutral',
}
const PROBE_RESULTS: Record<string, string> = { no_permit: 'no-permit' }

export function startSubject(cfg: VectorConfig): Subject {
  const settings = readSettings(cfg)
  const permits = new Map<string, string>()
  let sequence = 1_000_000
  let breaker = startBreaker(settings, startState(1, 0), () => 0)
  return (step) => {
    const { t: now } = step
    const told: Record<string, unknown> = {}
    switch (step.op) {
      case 'report': {
        const report = readReport(step, sequence++, breaker)
        const verdict = noteReport(breaker, report, now)
        told['result'] = VERDICTS[verdict] ?? verdict
        break
      }
      case 'acquire': {
        const permit = acquirePermit(breaker, String(step['rid']), now)
        permits.set(String(step['as']), permit?.id ?? 'none')
        told['granted'] = permit !== undefined
        break
      }
      case 'probe': {
        const id = permits.get(String(step['permit'])) ?? 'none'
        const outcome = OUTCOMES[String(step['outcome'])] ?? 'neutral'
        const verdict = settleProbe(breaker, id, outcome, now)
        told['result'] = PROBE_RESULTS[verdict] ?? verdict
        break
      }
      case 'override':
        told['error'] = !applyOverride(breaker, step)
        break
      case 'reset':
        resetBreaker(breaker, now)
        break
      case 'restart': {
        const { epoch } = step
        const stored = epoch === undefined ? breaker.state : startState(Number(epoch), now)
        breaker = startBreaker(settings, JSON.parse(JSON.stringify(stored)), () => 0)
        break
      }
      case 'active':
        noteCheck(breaker, step['ok'] === true, now)
        break
      case 'view':
        break
      default:
        throw new Error(`no operation ${step.op}`)
    }
    return { ...observe(breaker, now), ...told }
  }
}

function applyOverride(breaker: Breaker, { t: now, mode, ttlMs }: Step): boolean {
  if (mode === null) {
    clearOverride(breaker, now)
    return true
  }
  const forced = String(mode).toLowerCase() as OverrideMode
  const until = now + Number(ttlMs)
  try {
    override(breaker, { mode: forced, until, owner: 'an operator', reason: 'a vector' }, now)
    return true
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

function observe(breaker: Breaker, now: number): Record<string, unknown> {
  const view = readView(breaker, now)
  const { state, settings, observed } = breaker
  return {
    state: (state.override?.mode ?? state.phase).toUpperCase(),
    reason: state.reason === 'check' ? 'active' : state.reason,
    gen: state.generation,
    attempt: state.openings,
    openUntil: state.openUntil,
    w: readWeight(view, view.rampedMs, settings.ramp),
    wouldOpen: observed.wouldOpen,
  }
}

function readReport(step: Step, sequence: number, { state }: Breaker): Report {
  const read = <T>(name: string, otherwise: T): T => (step[name] as T | undefined) ?? otherwise
  const keys = read<Readonly<Record<string, unknown>>[]>('keys', [{ ...step, k: '' }])
  const counts = keys.map((one): KeyCounts => {
    const number = (name: string) => Number(one[name] ?? 0)
    const key = String(one['k'])
    return {
      key,
      succeeded: number('ok'),
      slow: number('slow'),
      soft: number('fail'),
      hard: number('hard'),
    }
  })
  return {
    reporter: read('rid', 'r'),
    sequence: read('seq', sequence),
    epoch: read('epoch', state.epoch),
    generation: read<number | null>('gen', null),
    ageMs: read('ageMs', 0),
    share: read('p', 1),
    isBeacon: read('beacon', false),
    isSuspect: read('suspect', false),
    counts,
    trailingFailures: 0,
  }
}

function readSettings(cfg: VectorConfig): BreakerSettings {
  const number = (name: string) => Number(cfg[name])
  return {
    consecutiveFailures: null,
    window: { durationMs: number('windowMs'), buckets: number('buckets') },
    rules: {
      minimumRequests: number('minCalls'),
      failureRate: number('failRate'),
      slowRate: number('slowRate'),
      hard: { failures: number('hardFailures'), durationMs: number('hardWindowMs') },
      fast:
        number('fastMin') === 0
          ? null
          : {
              durationMs: number('fastWindowMs'),
              failureRate: number('fastRate'),
              minimumRequests: number('fastMin'),
            },
      quorum: number('quorum'),
      restMinimum: number('restMin'),
      warmUpMs: number('warmMs'),
      baselineMs: number('baselineMs'),
      lagMs: number('lagMs'),
    },
    opening: {
      firstMs: number('openBaseMs'),
      multiplier: number('openMult'),
      maxMs: number('openMaxMs'),
      jitter: 0,
      forgiveMs: number('attemptDecayMs'),
    },
    halfOpen: {
      probes: number('probeTarget'),
      maxFailures: number('probeMaxFail'),
      concurrent: number('maxConcurrentProbes'),
      permitMs: number('permitTtlMs'),
      answerMs: 0,
      maxMs: number('halfOpenMaxMs'),
    },
    ramp: {
      durationMs: number('rampMs'),
      minimumWeight: number('rampMin'),
      exponent: number('rampExp'),
      minimumRequests: number('rampMinCalls'),
    },
    checks: {
      rise: number('activeRise'),
      fall: number('activeFall'),
      opens: cfg['activeAuthoritative'] === true,
    },
  }
}
