import { describe, expect, it, vi } from 'vitest'
import { FAULTS } from './breaker-faults.ts'
import { runScenario } from './breaker-scenario.ts'
import { Violation } from './breaker-trace.ts'

/**
 * The breaker as isolates and objects run it together, in virtual time, in everything that may
 * happen to them. `node test/simulation/run.ts` runs more seeds; a seed that fails prints its end.
 */

vi.setConfig({ testTimeout: 240_000 })

const SEEDS = 300
/** In which a fault has to show. */
const FAULT_SEEDS = 150

describe('isolates and breaker objects', () => {
  it(`holds S1–S10 and L1–L5 over ${SEEDS} seeds`, () => {
    let openings = 0
    let denied = 0
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { counters } = runScenario({ seed })
      openings += counters.openings
      denied += counters.denied
    }
    expect(openings, 'the seeds open hardly anything').toBeGreaterThan(SEEDS)
    expect(denied, 'the seeds deny hardly anything').toBeGreaterThan(100 * SEEDS)
  })

  it('is the same story for the same seed, and another for another', () => {
    const hashes = [5, 5, 6].map((seed) => runScenario({ seed }).hash)
    expect(hashes[0]).toBe(hashes[1])
    expect(hashes[0]).not.toBe(hashes[2])
  })
})

/** The invariants that a fault breaks first, over the seeds, until the one named is among them. */
function findBroken(fault: (typeof FAULTS)[number]): string[] {
  const broken: string[] = []
  for (let seed = 1; seed <= FAULT_SEEDS && !broken.includes(fault.invariant); seed++) {
    try {
      runScenario({ seed, parts: fault.parts })
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      broken.push(error.invariant)
    }
  }
  return broken
}

describe('a fault is found', () => {
  it.each(FAULTS)('$invariant: $change', (fault) => {
    expect(findBroken(fault)).toContain(fault.invariant)
  })
})
