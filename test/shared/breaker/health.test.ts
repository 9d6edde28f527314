import { describe, expect, it } from 'vitest'
import {
  countResults,
  hurryProbes,
  listFailing,
  noteHealth,
  type Streaks,
} from '../../../shared/breaker/health.ts'
import { noteReport, startBreaker } from '../../../shared/breaker/machine.ts'
import { startState } from '../../../shared/breaker/state.ts'
import { BASELINE, PLAIN, printReport, printSettings } from './a-breaker.ts'

const CHECK = { rise: 2, fall: 3 }

/** Rounds of one endpoint, and which endpoints are unhealthy after each. */
function follow(rounds: string, check = CHECK): boolean[] {
  let streaks: Streaks = {}
  let failing: readonly number[] = []
  return [...rounds].map((round) => {
    streaks = countResults(streaks, [{ endpoint: 0, isHealthy: round === '+' }], check)
    failing = listFailing(streaks, failing, check)
    return failing.includes(0)
  })
}

const start = (config = PLAIN) => startBreaker(printSettings(config), startState(1, 0), () => 0)

describe('active health checks', () => {
  it('need so many in a row to fall, and so many to rise', () => {
    expect(follow('--+---+-++')).toEqual([
      false,
      false,
      false,
      false,
      false,
      true,
      true,
      true,
      true,
      false,
    ])
  })

  it('of the baseline need one each way', () => {
    expect(follow('+-+', { rise: 1, fall: 1 })).toEqual([false, true, false])
  })

  it('change what isolates are told, and nothing else', () => {
    const breaker = start()
    const before = breaker.state
    expect(noteHealth(breaker, [1], 0)).toBe('changed')
    expect(breaker.state).toEqual({ ...before, unhealthy: [1], version: before.version + 1 })
    expect(noteHealth(breaker, [1], 0)).toBe('unchanged')
    expect(noteHealth(breaker, [], 0)).toBe('changed')
  })

  it('one vantage point does not outweigh fifty answers in ten seconds without a failure', () => {
    const breaker = start()
    noteReport(breaker, printReport({ succeeded: 50 }), 2_000)
    expect(noteHealth(breaker, [0], 9_000)).toBe('disagrees')
    expect(breaker.state.unhealthy).toEqual([])
    expect(noteHealth(breaker, [0], 14_000)).toBe('changed')
  })

  it('do outweigh them when one of them failed, or when they are fewer', () => {
    const failing = start()
    noteReport(failing, printReport({ succeeded: 50, failed: 1 }), 0)
    expect(noteHealth(failing, [0], 0)).toBe('changed')
    const quiet = start()
    noteReport(quiet, printReport({ succeeded: 49 }), 0)
    expect(noteHealth(quiet, [0], 0)).toBe('changed')
  })

  it('getting better is believed though there are no requests, and brings probes forward', () => {
    const breaker = start()
    noteReport(breaker, printReport({ failed: 9 }), 0)
    expect(breaker.state.phase).toBe('open')
    hurryProbes(breaker, 1_000)
    expect(breaker.state.phase).toBe('half_open')
  })

  it("never bring them forward where the baseline's rules are asked for", () => {
    const breaker = start(BASELINE)
    noteReport(breaker, printReport({ failed: 9 }), 0)
    hurryProbes(breaker, 1_000)
    expect(breaker.state.phase).toBe('open')
  })
})
