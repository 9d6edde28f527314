import {
  type AdmitSettings,
  admit,
  applyView,
  type IsolateBreaker,
  startIsolateBreaker,
} from '../../../shared/breaker/admit.ts'
import {
  type AttemptFailure,
  classifyFailure,
  classifyStatus,
} from '../../../shared/breaker/classify.ts'
import { noteLocally } from '../../../shared/breaker/local.ts'
import type { Phase } from '../../../shared/breaker/state.ts'
import type { BreakerView } from '../../../shared/breaker/view.ts'
import type { Step, Subject, VectorConfig } from './vectors.ts'

/** What an isolate holds of a breaker, driven by the steps of a vector. */

const DECISIONS: Record<string, string> = { self_probe: 'probe-local' }
const CLASSES: Record<string, string> = { succeeded: 'ok', soft: 'fail' }
const FAILURES: Record<string, AttemptFailure> = {
  client_abort: 'client_left',
  body_too_large: 'body_too_large',
  our_deadline_too_short: 'own_deadline',
}
const RAMP_MS = 30_000

export function startIsolateSubject(cfg: VectorConfig): Subject {
  const settings = readSettings(cfg)
  const one = startIsolateBreaker()
  return (step) => {
    switch (step.op) {
      case 'onView':
        return { result: applyView(one, readView(step), step.t) ? 'applied' : 'stale' }
      case 'permit': {
        const expiresAt = step.t + Number(step['ttlMs'])
        one.permit = { id: String(step['id']), generation: Number(step['gen']), expiresAt }
        return {}
      }
      case 'admit': {
        const { t: now, u, safe } = step
        const admittance = admit(one, settings, now, Number(u), safe === true)
        return { decision: DECISIONS[admittance] ?? admittance }
      }
      case 'outcome':
        noteOutcome(one, settings, step)
        return {}
      case 'classify':
        return { cls: classify(step) }
      default:
        throw new Error(`no operation ${step.op}`)
    }
  }
}

function noteOutcome(one: IsolateBreaker, settings: AdmitSettings, step: Step): void {
  if (step['outcome'] === 'neutral') return
  for (let i = 0; i < Number(step['times']); i++)
    noteLocally(one.local, settings.local, step['outcome'] === 'fail', step.t)
}

function classify({ status, err }: Step): string {
  if (typeof status === 'number') {
    const outcome = classifyStatus(status)
    return CLASSES[outcome] ?? outcome
  }
  const failure = FAILURES[String(err)]
  if (failure === undefined) throw new Error(`no failure ${String(err)}`)
  return classifyFailure(failure)
}

function readView(step: Step): BreakerView {
  const told = step['view'] as Readonly<Record<string, number | string>>
  const isForced = String(told['state']).startsWith('FORCED_')
  return {
    epoch: Number(told['epoch']),
    version: Number(told['ver']),
    generation: Number(told['gen']),
    phase: String(told['state']).replace('FORCED_', '').toLowerCase() as Phase,
    isForced,
    leftMs: Number(told['leftMs'] ?? 0),
    rampedMs: Number(told['w']) * RAMP_MS,
    isDraining: false,
    unhealthy: [],
  }
}

function readSettings(cfg: VectorConfig): AdmitSettings {
  const number = (name: string) => Number(cfg[name])
  return {
    local: {
      consecutiveFailures: number('localConsecutive'),
      window: {
        durationMs: number('localWindowMs'),
        minimumRequests: number('localMin'),
        failureRate: number('localRate'),
      },
      openMs: number('localOpenMs'),
      openMaxMs: number('localOpenMaxMs'),
    },
    ramp: { durationMs: RAMP_MS, minimumWeight: 0.1, exponent: 1, minimumRequests: 10 },
  }
}
