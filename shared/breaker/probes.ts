import type { GrantedPermit } from '../rpc/breaker.ts'
import { advance, type Breaker, move } from './machine.ts'
import { open, type Permit, recover } from './state.ts'

/** Probes: a half-open breaker lets requests through one leased permit at a time. */

/** undefined: not now, or not for this isolate. */
export function acquirePermit(breaker: Breaker, reporter: string, now: number): Permit | undefined {
  advance(breaker, now)
  const { state, settings } = breaker
  if (state.phase !== 'half_open' || state.override !== null) return undefined
  const { halfOpen } = settings
  const { round } = state
  const permits = round.permits.filter(({ expiresAt }) => expiresAt > now)
  if (permits.length >= halfOpen.concurrent) return undefined
  if (permits.length + round.succeeded + round.failed >= halfOpen.probes) return undefined
  if (permits.some((permit) => permit.reporter === reporter)) return undefined
  const id = `${state.generation}.${round.issued}`
  const permit: Permit = { id, reporter, expiresAt: now + halfOpen.permitMs }
  const firstPermitAt = round.firstPermitAt ?? now
  const issued = round.issued + 1
  const leased = { ...round, firstPermitAt, issued, permits: [...permits, permit] }
  breaker.state = { ...state, round: leased }
  return permit
}

/** What an isolate is told of it: until when to use it, after which its answer has time as well. */
export function printGrant(
  { state, settings }: Breaker,
  permit: Permit,
  now: number,
): GrantedPermit {
  const leftMs = permit.expiresAt - settings.halfOpen.answerMs - now
  return { id: permit.id, generation: state.generation, leftMs }
}

export type ProbeOutcome = 'succeeded' | 'failed' | 'slow' | 'neutral'

export type ProbeVerdict = 'succeeded' | 'failed' | 'released' | 'no_permit'

/** A slow probe has failed; a neutral one gives its permit back. */
export function settleProbe(
  breaker: Breaker,
  permitId: string,
  outcome: ProbeOutcome,
  now: number,
): ProbeVerdict {
  advance(breaker, now)
  const { state } = breaker
  const held = state.round.permits.find(({ id }) => id === permitId)
  if (held === undefined || held.expiresAt <= now) return 'no_permit'
  const permits = state.round.permits.filter((permit) => permit !== held)
  const { succeeded, failed } = state.round
  const verdict = judgeProbe(outcome)
  const round = {
    ...state.round,
    permits,
    succeeded: succeeded + (verdict === 'succeeded' ? 1 : 0),
    failed: failed + (verdict === 'failed' ? 1 : 0),
  }
  breaker.state = { ...state, round }
  decideRound(breaker, now)
  return verdict
}

function judgeProbe(outcome: ProbeOutcome): Exclude<ProbeVerdict, 'no_permit'> {
  if (outcome === 'neutral') return 'released'
  return outcome === 'succeeded' ? 'succeeded' : 'failed'
}

/** As soon as it is certain, not when all probes are back. */
function decideRound(breaker: Breaker, now: number): void {
  const { state, settings, random } = breaker
  const { probes, maxFailures } = settings.halfOpen
  const { succeeded, failed } = state.round
  if (failed > maxFailures) move(breaker, open(state, settings, now, 'probe', random()))
  else if (succeeded >= probes - maxFailures) move(breaker, recover(state, settings, now))
}
