import { completePlacement } from '../../shared/config/complete.ts'
import type { Endpoint, Placement } from '../../shared/config/snapshot.ts'
import { HEALTHY } from './breaker-origin.ts'
import { createWorld, type World } from './breaker-world.ts'

/** How the defaults do: openings without an outage, and how soon an outage ends requests. */

export interface Fleet {
  readonly isolates: number
  /** Requests a second, of all isolates together. */
  readonly rps: number
}

export interface ErrorRow extends Fleet {
  readonly rules: Rules
  /** The share of answers that are failures all the time. */
  readonly errors: number
  readonly runs: number
  readonly runsWithOpening: number
  /** Of all runs together; what a round of probes opened again is one more. */
  readonly openings: number
  /** Runs whose first opening was within half a minute of the birth of all isolates. */
  readonly runsAtBirth: number
  readonly reasons: Readonly<Record<string, number>>
  /** Of all requests, by views and local breakers. */
  readonly deniedShare: number
}

/** The defaults, or the defaults without `consecutiveFailures`. */
export type Rules = 'default' | 'rates only'

export interface OutageRow extends Fleet {
  readonly runs: number
  /** Until the object opened; Infinity: it did not within a minute. */
  readonly openMs: Spread
  /** Requests that failed in that minute. */
  readonly failed: Spread
  /** Since the cell works again, until the breaker was closed; Infinity: not within 15 minutes. */
  readonly closeMs: Spread
}

export interface Spread {
  readonly median: number
  readonly most: number
}

const FLEETS: readonly Fleet[] = [
  { isolates: 10, rps: 20 },
  { isolates: 200, rps: 500 },
  { isolates: 2_000, rps: 500 },
]

/** Where an isolate sees a request every ten seconds, or every hundred. */
const SPARSE_FLEETS: readonly Fleet[] = [
  { isolates: 200, rps: 20 },
  { isolates: 2_000, rps: 20 },
]

const RULES: readonly Rules[] = ['default', 'rates only']

const ERRORS = [0.01, 0.05, 0.2] as const

const MINUTE_MS = 60_000
const KEYS = 50
const STEP_MS = 100

const BASE = 'https://cell.example'
const ENDPOINT: Endpoint = { kind: 'url', base: BASE, weight: 1 }

function createPlacement(rules: Rules): Placement {
  const circuitBreaker = rules === 'default' ? {} : { consecutiveFailures: null }
  const document = { kind: 'tier' as const, endpoints: [{ url: BASE }], circuitBreaker }
  return { ...completePlacement(document, [ENDPOINT]), name: 'cell', fallback: [] }
}

function start({ isolates, rps }: Fleet, seed: number, rules: Rules): World {
  const placements = [createPlacement(rules)]
  return createWorld({
    seed,
    isolates,
    rate: rps / isolates,
    placements,
    keys: KEYS,
    isTraced: false,
  })
}

const seedsOf = (runs: number): number[] => Array.from({ length: runs }, (_, index) => index + 1)

function measureErrors(fleet: Fleet, rules: Rules, errors: number, runs: number): ErrorRow {
  const reasons: Record<string, number> = {}
  const all = seedsOf(runs).map((seed) => {
    const world = start(fleet, seed, rules)
    world.origins[0]!.mood = { kind: 'partial', rate: errors }
    const firstMs = watchOpenings(world, reasons)
    return { firstMs, ...world.counters }
  })
  const sum = (read: (one: (typeof all)[number]) => number): number =>
    all.reduce((total, one) => total + read(one), 0)
  return {
    ...fleet,
    rules,
    errors,
    runs,
    runsWithOpening: all.filter(({ firstMs }) => Number.isFinite(firstMs)).length,
    openings: sum(({ openings }) => openings),
    runsAtBirth: all.filter(({ firstMs }) => firstMs <= MINUTE_MS / 2).length,
    reasons,
    deniedShare: sum(({ denied }) => denied) / sum(({ denied, requests }) => denied + requests),
  }
}

/** Five minutes; the time of the first opening, Infinity without one. */
function watchOpenings(world: World, reasons: Record<string, number>): number {
  let firstMs = Number.POSITIVE_INFINITY
  let seen = 1
  while (world.now() < 5 * MINUTE_MS) {
    world.runFor(STEP_MS)
    const { phase, generation, reason } = world.objects[0]!.storage.state ?? {}
    if (phase !== 'open' || generation === undefined || generation === seen) continue
    seen = generation
    firstMs = Math.min(firstMs, world.now())
    reasons[reason ?? ''] = (reasons[reason ?? ''] ?? 0) + 1
  }
  return firstMs
}

function measureOutage(fleet: Fleet, runs: number): OutageRow {
  const all = seedsOf(runs).map((seed) => runOutage(start(fleet, seed, 'default')))
  return {
    ...fleet,
    runs,
    openMs: spread(all.map(({ openMs }) => openMs)),
    failed: spread(all.map(({ failed }) => failed)),
    closeMs: spread(all.map(({ closeMs }) => closeMs)),
  }
}

function runOutage(world: World): { openMs: number; failed: number; closeMs: number } {
  const countFailed = () => world.isolates.reduce((total, { tally }) => total + tally[0]!.failed, 0)
  world.runFor(MINUTE_MS)
  world.origins[0]!.mood = { kind: 'dead', isHanging: false }
  const diedAt = world.now()
  const before = countFailed()
  const openMs = runUntilPhase(world, 'open', MINUTE_MS)
  world.runFor(diedAt + MINUTE_MS - world.now())
  const failed = countFailed() - before
  world.origins[0]!.mood = HEALTHY
  return { openMs, failed, closeMs: runUntilPhase(world, 'closed', 15 * MINUTE_MS) }
}

function runUntilPhase(world: World, phase: string, boundMs: number): number {
  const since = world.now()
  while (world.objects[0]!.storage.state?.phase !== phase) {
    if (world.now() - since >= boundMs) return Number.POSITIVE_INFINITY
    world.runFor(STEP_MS)
  }
  return world.now() - since
}

function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  return { median: sorted[Math.floor(sorted.length / 2)]!, most: sorted.at(-1)! }
}

export const measureAll = (runs: number) => ({
  errors: FLEETS.flatMap((fleet) =>
    RULES.flatMap((rules) => ERRORS.map((errors) => measureErrors(fleet, rules, errors, runs))),
  ),
  outages: [...FLEETS, ...SPARSE_FLEETS].map((fleet) => measureOutage(fleet, runs)),
})

export function printErrorTable(rows: readonly ErrorRow[]): string {
  const lines = rows.map((row) => {
    const reasons = Object.entries(row.reasons).map(([reason, count]) => `${count} ${reason}`)
    return [
      row.isolates,
      row.rps,
      row.rules,
      `${100 * row.errors} %`,
      `${row.runsWithOpening}/${row.runs}`,
      row.runsAtBirth,
      row.openings,
      reasons.join(', '),
      `${(100 * row.deniedShare).toFixed(1)} %`,
    ].join(' | ')
  })
  return [
    '| isolates | requests/s | rules | errors | runs that opened | in the first 30 s | openings | reasons | denied |',
    '|---:|---:|---|---:|---:|---:|---:|---|---:|',
    ...lines.map((line) => `| ${line} |`),
  ].join('\n')
}

const print = ({ median, most }: Spread, scale: number): string =>
  [median, most].map((one) => (Number.isFinite(one) ? (one / scale).toFixed(1) : '–')).join(' / ')

export function printOutageTable(rows: readonly OutageRow[]): string {
  const lines = rows.map(
    ({ isolates, rps, runs, openMs, failed, closeMs }) =>
      `| ${isolates} | ${rps} | ${runs} | ${print(openMs, 1_000)} | ${print(failed, 1)} | ${print(closeMs, 1_000)} |`,
  )
  return [
    '| isolates | requests/s | runs | s until open (median / most) | failed in 60 s | s until closed again |',
    '|---:|---:|---:|---:|---:|---:|',
    ...lines,
  ].join('\n')
}
