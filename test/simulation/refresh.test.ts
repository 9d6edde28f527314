import { describe, expect, it, vi } from 'vitest'
import { createFleet, type FleetOptions } from './fleet.ts'

// Half a minute of virtual time takes a tenth of a second, unless the machine has other work.
vi.setConfig({ testTimeout: 60_000 })

/** Questions that reach the coordinator in one second. */
const LIMIT = 200
const SECOND = 1_000
const MINUTE = 60 * SECOND
/** Of the interval; and what transport adds: the next request, a look at the cache, two round trips. */
const JITTER = 0.1
const LATENCY_MS = SECOND

type Fleet = ReturnType<typeof createFleet>

const deploy = (options: Partial<FleetOptions>): Fleet =>
  createFleet({
    seed: 1,
    isolates: 20_000,
    colos: 300,
    bornWithinMs: 5 * SECOND,
    cacheKeeps: true,
    ...options,
  })

/** The busiest second from one to another, in seconds. */
function findPeak({ questions }: Fleet, from: number, to: number): number {
  return Math.max(...Array.from({ length: to - from }, (_, i) => questions[from + i] ?? 0))
}

function expectBelowLimit(fleet: Fleet, when: string, from: number, to: number): void {
  const peak = findPeak(fleet, from, to)
  expect(peak, `${when}: ${peak} questions in the busiest second`).toBeLessThanOrEqual(LIMIT)
  expect(peak, `${when}: the simulation asks nothing`).toBeGreaterThan(0)
}

/** Publishes at the end of `from` and lets the longest possible interval pass. */
function publishAt(fleet: Fleet, at: number): void {
  fleet.runUntil(at)
  fleet.publish(at)
  fleet.runUntil(at + MINUTE * (1 + JITTER) + LATENCY_MS)
}

function expectAllToServe(fleet: Fleet, revision: number, publishedAt: number): void {
  const late = fleet.isolates.filter(({ served }) => {
    const arrival = served.find((entry) => entry.revision === revision)
    if (arrival === undefined) return true
    const deadlineMs = arrival.afterIntervalMs * (1 + JITTER) + LATENCY_MS
    return arrival.since > publishedAt + deadlineMs
  })
  expect(late).toEqual([])
}

function expectRisingRevisions({ isolates }: Fleet): void {
  const falls = isolates.filter(({ served }) =>
    served.some(({ revision }, i) => i > 0 && revision <= served[i - 1]!.revision),
  )
  expect(falls).toEqual([])
}

describe.each([1, 2])('20,000 isolates in 300 colos, born within 5 s (seed %i)', (seed) => {
  it('stay below 200 questions a second, and follow a publish within their interval', () => {
    const fleet = deploy({ seed })
    fleet.runUntil(3 * MINUTE)
    const slow = fleet.isolates.filter(({ schedule }) => schedule.intervalMs !== 5_000)
    expect(slow, 'not yet at the shortest interval').toEqual([])
    publishAt(fleet, 3 * MINUTE)
    expectBelowLimit(fleet, 'birth', 0, 10)
    expectBelowLimit(fleet, 'the first minutes', 10, 180)
    expectBelowLimit(fleet, 'publish', 180, 245)
    expectAllToServe(fleet, 2, 3 * MINUTE)
    fleet.restartCoordinator()
    fleet.runUntil(280 * SECOND)
    expectBelowLimit(fleet, 'the coordinator forgot how many they are', 247, 280)
    expectRisingRevisions(fleet)
  })
})

describe('20,000 isolates in 300 colos', () => {
  it('follow a publish that comes while they are being born', () => {
    const fleet = deploy({})
    publishAt(fleet, 2 * SECOND)
    fleet.runUntil(2 * MINUTE)
    expectBelowLimit(fleet, 'birth and publish', 0, 120)
    expect(fleet.isolates.filter(({ held }) => held?.revision !== 2)).toEqual([])
    expectRisingRevisions(fleet)
  })

  it.each(['throws', 'hangs'] as const)(
    'stay below the limit while the coordinator %s, and when it is back',
    (mood) => {
      const fleet = deploy({})
      fleet.runUntil(110 * SECOND)
      fleet.setMood(mood)
      fleet.runUntil(200 * SECOND)
      fleet.setMood('answers')
      publishAt(fleet, 200 * SECOND)
      expectBelowLimit(fleet, 'outage', 110, 200)
      expectBelowLimit(fleet, 'recovery', 200, 260)
      expect(fleet.isolates.filter(({ held }) => held?.revision !== 2)).toEqual([])
      expectRisingRevisions(fleet)
    },
  )
})

/** 125 questions a second, the rate that is aimed at, times the longest interval. */
describe.each([1, 2, 3])('7,500 isolates without any colo cache (seed %i)', (seed) => {
  it('stay below 200 questions a second and follow a publish within a minute', () => {
    const fleet = deploy({ seed, isolates: 7_500, cacheKeeps: false })
    publishAt(fleet, 4 * MINUTE)
    expectBelowLimit(fleet, 'steady state', 120, 305)
    expectAllToServe(fleet, 2, 4 * MINUTE)
    expectRisingRevisions(fleet)
  })
})

it('is the same story for the same seed', () => {
  const run = () => {
    const fleet = deploy({ isolates: 500, colos: 20, seed: 7 })
    fleet.runUntil(MINUTE)
    return fleet.questions
  }
  expect(run()).toEqual(run())
})
