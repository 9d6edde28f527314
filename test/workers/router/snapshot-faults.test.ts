import { afterEach, describe, expect, it, vi } from 'vitest'
import type { RefreshReply, RefreshRequest } from '../../../shared/rpc/coordinator.ts'
import {
  aWarmBench,
  Bench,
  bytesOf,
  freezeTimers,
  never,
  pass,
  replyAt,
  streamOf,
} from './snapshot-bench.ts'

afterEach(() => {
  vi.useRealTimers()
})

const overloaded = Object.assign(new Error('Durable Object is overloaded.'), { overloaded: true })

const change =
  (changes: Readonly<Record<string, unknown>>) =>
  async (request: RefreshRequest): Promise<unknown> => ({ ...replyAt(2, request), ...changes })

const send =
  (bytes: Uint8Array, lengthBytes = bytes.byteLength) =>
  async (request: RefreshRequest): Promise<RefreshReply> => ({
    ...replyAt(2, request),
    snapshot: { lengthBytes, body: streamOf(bytes) },
  })

const foreign = bytesOf(2)
foreign[8] = 99

const faults: [name: string, reason: string, (request: RefreshRequest) => Promise<unknown>][] = [
  ['F01: throws', 'unreachable', async () => Promise.reject(new Error('down'))],
  ['F03: is overloaded', 'unreachable', async () => Promise.reject(overloaded)],
  ['answers nothing', 'malformed_reply', async () => undefined],
  ['answers a page', 'malformed_reply', async () => '<html>'],
  ['answers a text for a number', 'malformed_reply', change({ revision: '2' })],
  ['answers half a revision', 'malformed_reply', change({ revision: 2.5 })],
  ['answers a digest that is none', 'malformed_reply', change({ digest: 'abc' })],
  ['answers an interval that is none', 'malformed_reply', change({ intervalMs: Number.NaN })],
  ['answers a stream that is none', 'malformed_reply', change({ snapshot: { lengthBytes: 5 } })],
  [
    'announces more than a snapshot may hold',
    'malformed_reply',
    change({ snapshot: { lengthBytes: 2 ** 31, body: streamOf(bytesOf(2)) } }),
  ],
  ['keeps the snapshot to itself', 'missing_snapshot', change({ snapshot: undefined })],
  ['goes back to nothing', 'older_revision', async (request) => replyAt(0, request)],
  ['cuts the stream', 'truncated', send(bytesOf(2).slice(0, 100), bytesOf(2).byteLength)],
  ['sends more than announced', 'too_long', send(bytesOf(2), 100)],
  ['sends another snapshot than announced', 'digest_mismatch', send(bytesOf(3))],
  ['announces another digest', 'digest_mismatch', change({ digest: 'ab'.repeat(32) })],
  ['sends another revision than announced', 'wrong_revision', change({ revision: 5 })],
  ['speaks a later format', 'unknown_format', send(foreign)],
  [
    'has another content for the revision that is held',
    'digest_mismatch',
    async () => ({ ...replyAt(2, { revision: 2, viewsVersion: 0 }), revision: 1 }),
  ],
]

describe('D80: a coordinator that', () => {
  it.each(faults)('%s: warm requests are served and none waits', async (_name, reason, answer) => {
    const bench = await aWarmBench(1)
    const before = bench.warmRequest()
    bench.coordinator = answer
    bench.clock.dice = 0.999
    for (let second = 0; second < 600; second++) {
      expect(bench.warmRequest()).toBe(before)
      await bench.settle()
      bench.clock.time += 1_000
    }
    expect(bench.questions.length).toBeGreaterThan(8)
    expect(bench.questions.length).toBeLessThan(20)
    expect(bench.lines).toMatchObject([{ event: 'refresh_failed', source: 'coordinator', reason }])
  })

  it('F02: hangs: warm requests are served, and one question at a time is on its way', async () => {
    freezeTimers()
    const bench = await aWarmBench(1)
    const before = bench.warmRequest()
    bench.coordinator = never
    for (let second = 0; second < 600; second++) {
      for (let i = 0; i < 10; i++) expect(bench.warmRequest()).toBe(before)
      await pass(bench, 1_000)
    }
    expect(bench.questions.length).toBeLessThan(30)
    expect(bench.events()).toEqual(['refresh_failed timeout'])
  })

  it('F02: stops in the middle of the stream: what is held stays', async () => {
    freezeTimers()
    const bench = await aWarmBench(1)
    const cancelled = vi.fn()
    const body = new ReadableStream({
      type: 'bytes',
      start: (controller) => controller.enqueue(new Uint8Array(10)),
      cancel: cancelled,
    })
    bench.coordinator = change({ snapshot: { lengthBytes: 100, body } })
    bench.clock.time += 5_000
    bench.warmRequest()
    await pass(bench, 0)
    await pass(bench, 3_000)
    await bench.settle()
    expect(bench.warmRequest().snapshot.revision).toBe(1)
    expect(bench.events()).toEqual(['refresh_failed timeout'])
    expect(cancelled).toHaveBeenCalled()
  })

  it('D82: comes back: the newest revision is served and the recovery is logged once', async () => {
    const bench = await aWarmBench(1)
    bench.coordinator = async () => Promise.reject(new Error('down'))
    await bench.refreshOnce()
    for (let i = 0; i < 5; i++) await bench.refreshOnce(60_000)
    bench.serveRevision(4)
    await bench.refreshOnce(60_000)
    await bench.refreshOnce()
    expect(bench.warmRequest().snapshot.revision).toBe(4)
    expect(bench.events()).toEqual(['refresh_failed unreachable', 'refresh_recovered'])
  })
})

describe('back-off', () => {
  it('starts at 1 s where no interval is known, doubles, and never exceeds 60 s', async () => {
    const bench = new Bench()
    bench.bootstrap = bytesOf(1)
    bench.coordinator = async () => Promise.reject(new Error('down'))
    await bench.request()
    const gaps: number[] = []
    for (let askedAt = bench.clock.time; gaps.length < 8; bench.clock.time += 500) {
      const asked = bench.questions.length
      bench.warmRequest()
      await bench.settle()
      if (bench.questions.length === asked) continue
      gaps.push(bench.clock.time - askedAt)
      askedAt = bench.clock.time
    }
    expect(gaps).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 40_000, 40_000])
  })

  it('tells another reason when the reason changes', async () => {
    const bench = await aWarmBench(1)
    bench.coordinator = async () => Promise.reject(new Error('down'))
    await bench.refreshOnce()
    await bench.refreshOnce(60_000)
    bench.coordinator = async () => 'nonsense'
    await bench.refreshOnce(60_000)
    expect(bench.events()).toEqual(['refresh_failed unreachable', 'refresh_failed malformed_reply'])
  })
})
