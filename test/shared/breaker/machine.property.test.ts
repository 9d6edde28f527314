import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  advance,
  type Breaker,
  clearOverride,
  noteCheck,
  noteReport,
  override,
  type Report,
  resetBreaker,
  startBreaker,
} from '../../../shared/breaker/machine.ts'
import { acquirePermit, settleProbe } from '../../../shared/breaker/probes.ts'
import { type BreakerState, startState } from '../../../shared/breaker/state.ts'
import { readView, readWeight } from '../../../shared/breaker/view.ts'
import { printReport, printSettings } from './a-breaker.ts'

/** Safety, whatever happens in whatever order: the numbers are those of docs/resilience.md. */

const SETTINGS = printSettings()

type Command =
  | { do: 'wait'; ms: number }
  | { do: 'report'; failed: number; succeeded: number; reporter: string; behind: number }
  | { do: 'acquire'; reporter: string }
  | { do: 'settle'; at: number; outcome: 'succeeded' | 'failed' | 'slow' | 'neutral' }
  | { do: 'force'; mode: 'forced_open' | 'forced_closed' | 'metrics_only'; ms: number }
  | { do: 'check'; isHealthy: boolean }
  | { do: 'clear' }
  | { do: 'reset' }
  | { do: 'restart' }

const reporter = fc.constantFrom('a', 'b', 'c', 'd', 'e')
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('wait'), ms: fc.integer({ min: 0, max: 40_000 }) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('report'),
      failed: fc.integer({ min: 0, max: 40 }),
      succeeded: fc.integer({ min: 0, max: 10 }),
      reporter,
      behind: fc.integer({ min: -1, max: 2 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('acquire'), reporter }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('settle'),
      at: fc.nat(4),
      outcome: fc.constantFrom('succeeded', 'failed', 'slow', 'neutral'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('force'),
      mode: fc.constantFrom('forced_open', 'forced_closed', 'metrics_only'),
      ms: fc.integer({ min: 1, max: 60_000 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('check'), isHealthy: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constantFrom({ do: 'clear' }, { do: 'reset' }, { do: 'restart' }) },
) as fc.Arbitrary<Command>

interface World {
  breaker: Breaker
  now: number
  sequence: number
  permits: string[]
}

const ALLOWED = new Set([
  'closed>open',
  'recovering>open',
  'open>half_open',
  'half_open>recovering',
  'half_open>open',
  'recovering>closed',
])

describe('the breaker under random commands', () => {
  it('keeps every safety invariant', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 120 }), (commands) => {
        const world: World = {
          breaker: startBreaker(SETTINGS, startState(7, 0), () => 0.5),
          now: 0,
          sequence: 0,
          permits: [],
        }
        for (const one of commands) {
          const before = world.breaker.state
          run(world, one)
          expectSafe(world, before, one)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('S4 only counted evidence changes the state', () => {
    const stale = fc.record({
      generation: fc.constantFrom<number | null>(null, 1, 2, 3, 9),
      epoch: fc.constantFrom<number | null>(null, 7, 8),
      ageMs: fc.integer({ min: -5_000, max: 60_000 }),
      isSuspect: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(stale, { maxLength: 40 }), (reports) => {
        const breaker = startBreaker(SETTINGS, startState(7, 0), () => 0)
        reports.forEach((one, index) => {
          const now = index * 2_000
          advance(breaker, now)
          const { state } = breaker
          const report = { ...printReport({ sequence: index, failed: 30 }), ...one }
          if (noteReport(breaker, report, now) !== 'counted') expect(breaker.state).toBe(state)
        })
      }),
    )
  })
})

function run(world: World, one: Command): void {
  const { breaker } = world
  switch (one.do) {
    case 'wait':
      world.now += one.ms
      advance(breaker, world.now)
      break
    case 'report': {
      const generation = breaker.state.generation - one.behind
      const report: Report = { ...printReport({ ...one, sequence: world.sequence++ }), generation }
      noteReport(breaker, report, world.now)
      break
    }
    case 'acquire': {
      const permit = acquirePermit(breaker, one.reporter, world.now)
      if (permit !== undefined) world.permits.push(permit.id)
      break
    }
    case 'settle':
      settleProbe(breaker, world.permits.at(-1 - one.at) ?? 'none', one.outcome, world.now)
      break
    case 'force': {
      const forced = { mode: one.mode, until: world.now + one.ms, owner: 'o', reason: 'r' }
      override(breaker, forced, world.now)
      break
    }
    case 'check':
      noteCheck(breaker, one.isHealthy, world.now)
      break
    case 'clear':
      clearOverride(breaker, world.now)
      break
    case 'reset':
      resetBreaker(breaker, world.now)
      break
    case 'restart':
      world.breaker = startBreaker(SETTINGS, JSON.parse(JSON.stringify(breaker.state)), () => 0.5)
  }
}

function expectSafe({ breaker, now }: World, before: BreakerState, one: Command): void {
  const view = readView(breaker, now)
  const { state, settings } = breaker
  const { round, phase, override: forced } = state
  const { halfOpen, opening, ramp } = settings
  const live = round.permits.filter(({ expiresAt }) => expiresAt > now)
  expect(live.length, 'S1').toBeLessThanOrEqual(halfOpen.concurrent)
  expect(live.length + round.succeeded + round.failed, 'S1').toBeLessThanOrEqual(halfOpen.probes)
  if (phase !== 'half_open' || forced !== null) expect(round.permits, 'S2').toEqual([])
  if (isPlain(one) && before.override === null && state.generation === before.generation + 1)
    expect(ALLOWED, 'S3').toContain(`${before.phase}>${phase}`)
  expect(state.generation, 'S5').toBeGreaterThanOrEqual(before.generation)
  expect(state.version, 'S5').toBeGreaterThanOrEqual(before.version)
  const weight = readWeight(view, view.rampedMs, ramp)
  if (view.phase === 'open' || view.phase === 'half_open') expect(weight, 'S6').toBe(0)
  else expect(weight, 'S6').toBeGreaterThan(0)
  if (phase === 'open')
    expect(state.openUntil - state.since, 'S7').toBeLessThanOrEqual(opening.maxMs)
  expect(forced === null || forced.until > now, 'S13').toBe(true)
}

const isPlain = (one: Command): boolean => !['force', 'clear', 'reset', 'restart'].includes(one.do)
