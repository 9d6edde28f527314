/**
 * The simulator of the breaker, for longer than a test may take:
 *
 *   node test/simulation/run.ts --seeds 20000 [--from 1] [--isolates 200]
 *   node test/simulation/run.ts --statistics [--runs 8]
 */
import { parseArgs } from 'node:util'
import { runScenario, type ScenarioResult } from './breaker-scenario.ts'
import { measureAll, printErrorTable, printOutageTable } from './breaker-statistics.ts'
import type { Counters } from './breaker-world.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    isolates: { type: 'string' },
    statistics: { type: 'boolean', default: false },
    runs: { type: 'string', default: '8' },
  },
})

/** Failures printed whole; of the others the seed alone. */
const PRINTED = 3

function runSeeds(from: number, seeds: number, isolates: number | undefined): void {
  const started = Date.now()
  const failed: number[] = []
  const results: ScenarioResult[] = []
  for (let seed = from; seed < from + seeds; seed++) {
    try {
      results.push(runScenario({ seed, isolates }))
    } catch (error) {
      failed.push(seed)
      if (failed.length <= PRINTED) console.error(error)
    }
    const done = seed - from + 1
    if (done % 500 === 0) console.error(`${done} of ${seeds} seeds, ${failed.length} failed`)
  }
  const seconds = (Date.now() - started) / 1_000
  console.log(JSON.stringify({ seeds, seconds, failed, ...summarize(results) }, null, 2))
  if (failed.length > 0) process.exitCode = 1
}

function summarize(results: readonly ScenarioResult[]) {
  const sum = (read: (one: ScenarioResult) => number): number =>
    results.reduce((total, one) => total + read(one), 0)
  const count = (name: keyof Counters): number => sum(({ counters }) => counters[name])
  return {
    virtualHours: sum(({ virtualMs }) => virtualMs) / 3.6e6,
    events: sum(({ events }) => events),
    requests: count('requests'),
    denied: count('denied'),
    reports: count('reports'),
    openings: count('openings'),
    unopened: count('unopened'),
    lateProbes: count('lateProbes'),
    fallenKeys: count('fallenKeys'),
    mostProbes: results.reduce((most, { counters }) => Math.max(most, counters.mostProbes), 0),
  }
}

function printStatistics(runs: number): void {
  const { errors, outages } = measureAll(runs)
  console.log(`Five minutes of errors that are no outage:\n\n${printErrorTable(errors)}\n`)
  console.log(`A minute without the cell, after a healthy one:\n\n${printOutageTable(outages)}`)
}

if (values.statistics) printStatistics(Number(values.runs))
else
  runSeeds(
    Number(values.from),
    Number(values.seeds),
    values.isolates ? Number(values.isolates) : undefined,
  )
