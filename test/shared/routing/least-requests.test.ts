import { describe, expect, test } from 'vitest'
import {
  type Balance,
  noteEnded,
  noteSent,
  orderEndpoints,
  startBalance,
} from '../../../shared/routing/balance.ts'
import {
  type Load,
  noteLoadEnded,
  noteLoadSent,
  readLatencyMs,
  SILENCE_MS,
  startLoad,
  TIME_CONSTANT_MS,
} from '../../../shared/routing/least-requests.ts'
import { createRandom } from '../../simulation/random.ts'
import { aRequest, draw, readChiSquarePerDf, weighing } from './balance-subject.ts'

const NOW = 1_000_000
const MODE = 'least-requests'

function measure(latencyMs: number, now = NOW, load: Load = startLoad()): Load {
  noteLoadEnded(load, { latencyMs, hasFailed: false }, now)
  return load
}

/** Endpoints of weight 1 unless said otherwise, measured once at NOW; null: not measured. */
function prepare(latencies: readonly (number | null)[], weights = latencies.map(() => 1)) {
  const placement = weighing(MODE, ...weights)
  const balance = startBalance(placement, draw())
  latencies.forEach((latencyMs, index) => {
    if (latencyMs !== null) noteEnded(balance, index, { latencyMs, hasFailed: false }, NOW)
  })
  const order = (random: () => number, now = NOW) =>
    orderEndpoints(placement, balance, aRequest({ now, random }))
  return { balance, order }
}

function fail(balance: Balance, index: number, latencyMs: number, times = 1): void {
  for (let i = 0; i < times; i++) noteEnded(balance, index, { latencyMs, hasFailed: true }, NOW)
}

describe('the latency of an endpoint', () => {
  test('decays with e^(-t/10 s) while nothing is measured', () => {
    const load = measure(5_000)
    for (const passedMs of [0, 1, 3_000, TIME_CONSTANT_MS, 40_000])
      expect(readLatencyMs(load, NOW + passedMs)).toBeCloseTo(
        5_000 * Math.exp(-passedMs / 10_000),
        9,
      )
  })

  test('jumps up to a higher sample', () => {
    expect(readLatencyMs(measure(900, NOW + 5, measure(10)), NOW + 5)).toBe(900)
  })

  test('decays with e^(-t/10 s) towards a lower sample', () => {
    const load = measure(100, NOW + 3_000, measure(1_000))
    expect(readLatencyMs(load, NOW + 3_000)).toBeCloseTo(100 + 900 * Math.exp(-0.3), 9)
  })

  test('stays as it is when the clock steps back', () => {
    expect(readLatencyMs(measure(100, NOW - 5_000, measure(1_000)), NOW - 5_000)).toBe(1_000)
  })

  test('is at least one millisecond, so that the queue counts where the clock reads 0', () => {
    const { balance, order } = prepare([0, 0])
    noteSent(balance, 0, NOW)
    expect(order(draw(0, 0))).toEqual([1, 0])
  })
})

describe('least requests', () => {
  test('takes the better of two candidates that are never the same', () => {
    const { order } = prepare([100, 10])
    const random = createRandom(1)
    for (let i = 0; i < 1_000; i++) expect(order(random)).toEqual([1, 0])
  })

  test('takes the candidates at random, and of equals either', () => {
    const random = createRandom(2)
    for (const expected of [
      [1, 1, 1, 1],
      [6, 4, 2, 0],
    ]) {
      const { order } = prepare(expected[0] === 1 ? [10, 10, 10, 10] : [10, 20, 30, 40])
      const counts = [0, 0, 0, 0]
      for (let i = 0; i < 60_000; i++) counts[order(random)[0]!]!++
      const possible = expected.filter((share) => share > 0)
      const shares = possible.map((share) => share / possible.reduce((a, b) => a + b))
      expect(readChiSquarePerDf(counts.slice(0, possible.length), shares)).toBeLessThan(3)
      if (expected[3] === 0) expect(counts[3]).toBe(0)
    }
  })

  test('draws twice, and not at all when one is left', () => {
    const random = draw(0.9, 0.9)
    expect(prepare([10, 20, 30]).order(random)).toEqual([1, 0, 2])
    expect(random).toThrow('more often')
    expect(prepare([10, 20, 30], [0, 0, 1]).order(draw())).toEqual([2])
  })

  test('weighs latency with what is in flight and the weight', () => {
    const { balance, order } = prepare([10, 15, 40, 70], [1, 1, 4, 1])
    expect(order(draw(0, 0))).toEqual([0, 2, 1, 3])
    noteSent(balance, 0, NOW)
    noteSent(balance, 2, NOW)
    expect(order(draw(0, 0))).toEqual([1, 0, 2, 3])
    noteEnded(balance, 0, null, NOW)
    expect(order(draw(0, 0))).toEqual([0, 1, 2, 3])
  })

  test('never takes an endpoint without a weight, however fast', () => {
    const { order } = prepare([500, 1, 400], [1, 0, 1])
    const random = createRandom(3)
    for (let i = 0; i < 1_000; i++) expect(order(random)).toEqual([2, 0])
  })

  test('takes an endpoint that was never measured for the median of the others', () => {
    const { balance, order } = prepare([null, 12, 20, 100])
    noteSent(balance, 2, NOW)
    // Costs: 20 (prior), 12, 40, 100; a prior of 12 or of the mean 44 would order them otherwise.
    expect(order(draw(0, 0))).toEqual([1, 0, 2, 3])
  })

  test('tries a slow endpoint again when its latency has decayed', () => {
    const { balance, order } = prepare([1_000, 10])
    const later = NOW + 50_000
    noteEnded(balance, 1, { latencyMs: 10, hasFailed: false }, later)
    expect(order(draw(0, 0), NOW + 40_000)[0]).toBe(1)
    expect(order(draw(0, 0), later)[0]).toBe(0)
  })
})

describe('failures', () => {
  test('of an endpoint that fails fast make it the last choice', () => {
    const { balance, order } = prepare([1, 20, 30])
    fail(balance, 0, 1)
    expect(order(draw(0.4, 0.9))).toEqual([1, 2, 0])
  })

  test('say nothing good about the latency of an endpoint', () => {
    const unknown = startLoad()
    const known = measure(100)
    for (let now = NOW; now <= NOW + 60_000; now += 1_000)
      for (const load of [unknown, known])
        noteLoadEnded(load, { latencyMs: 1, hasFailed: true }, now)
    expect(readLatencyMs(unknown, NOW + 60_000)).toBe(null)
    expect(readLatencyMs(known, NOW + 60_000)).toBe(100)
  })

  test('that take long count as slow answers', () => {
    const load = measure(10)
    noteLoadEnded(load, { latencyMs: 10_000, hasFailed: true }, NOW)
    expect(readLatencyMs(load, NOW)).toBe(10_000)
  })

  test('are forgotten with successes, and with time', () => {
    const { balance, order } = prepare([10, 40])
    fail(balance, 0, 10)
    expect(order(draw(0, 0))).toEqual([1, 0])
    for (let i = 0; i < 12; i++) noteEnded(balance, 0, { latencyMs: 10, hasFailed: false }, NOW)
    expect(order(draw(0, 0))).toEqual([0, 1])
    fail(balance, 0, 10, 20)
    expect(order(draw(0, 0))).toEqual([1, 0])
    const later = NOW + 40_000
    noteEnded(balance, 1, { latencyMs: 40, hasFailed: false }, later)
    expect(order(draw(0, 0), later)).toEqual([0, 1])
    noteEnded(balance, 0, { latencyMs: 10, hasFailed: false }, later)
    expect(order(draw(0, 0), later), 'not brought back by a success').toEqual([0, 1])
  })
})

describe('what is in flight', () => {
  test('is never negative', () => {
    const load = startLoad()
    noteLoadEnded(load, null, NOW)
    noteLoadEnded(load, null, NOW)
    expect(load.inFlight).toBe(0)
    noteLoadSent(load, NOW)
    expect(load.inFlight).toBe(1)
  })

  test('is nothing after a minute without news: the ends got lost', () => {
    const { balance, order } = prepare([10, 10])
    for (let i = 0; i < 9; i++) noteSent(balance, 0, NOW)
    const preferring0 = (now: number) => order(draw(0, 0), now)
    expect(preferring0(NOW + SILENCE_MS - 1)[0]).toBe(1)
    expect(preferring0(NOW + SILENCE_MS)[0]).toBe(0)
    noteSent(balance, 0, NOW + SILENCE_MS)
    noteEnded(balance, 0, null, NOW + SILENCE_MS)
    expect(preferring0(NOW + SILENCE_MS)[0]).toBe(0)
  })
})
