import { vi } from 'vitest'
import type { Views } from '../../../shared/rpc/breaker.ts'
import type { RefreshReply, RefreshRequest } from '../../../shared/rpc/coordinator.ts'
import type { Clock, ViewPort } from '../../../workers/router/snapshot-isolate.ts'
import { createSnapshotCache, type Held, type Sources } from '../../../workers/router/snapshots.ts'
import { aConfig } from '../../support/a-config.ts'
import { compiled, opened } from '../../support/a-snapshot.ts'

/** One isolate's snapshot cache with sources that do as the test says, on a clock of its own. */

export const START = Date.UTC(2026, 10, 20)

export const bytesOf = (revision: number): Uint8Array =>
  compiled(aConfig({ label: `r${revision}` }), { revision, publishedAt: '2026-11-20T00:00:00Z' })

/** The same bytes in chunks, as they cross RPC. */
export function streamOf(bytes: Uint8Array, chunkBytes = 1000): ReadableStream<Uint8Array> {
  let start = 0
  return new ReadableStream({
    type: 'bytes',
    pull(controller) {
      if (start >= bytes.byteLength) return controller.close()
      controller.enqueue(bytes.slice(start, start + chunkBytes))
      start += chunkBytes
    },
  })
}

/** What an honest coordinator at that revision answers. */
export function replyAt(revision: number, request: RefreshRequest): RefreshReply {
  if (revision === 0) return { revision, digest: '', intervalMs: 5_000, viewsVersion: 0 }
  const bytes = bytesOf(revision)
  const reply = { revision, digest: opened(bytes).digest, intervalMs: 5_000, viewsVersion: 0 }
  if (revision <= request.revision) return reply
  return { ...reply, snapshot: { lengthBytes: bytes.byteLength, body: streamOf(bytes) } }
}

export const never = <T>(): Promise<T> => new Promise(() => {})

type Answering = (request: RefreshRequest) => Promise<unknown>

/** An isolate, the requests that come to it, and what it asked of whom. */
export class Bench {
  readonly clock: Clock & { time: number; dice: number }
  readonly cache
  readonly lines: Readonly<Record<string, unknown>>[] = []
  readonly questions: RefreshRequest[] = []
  /** What came in with refreshes, and what is held for the neighbours. */
  readonly told: Views[] = []
  views: Views | null = null
  replicaReads = 0
  /** Every source is absent, and the coordinator answers that nothing is published. */
  coordinator: Answering = async (request) => replyAt(0, request)
  replica: (() => Promise<Uint8Array | undefined>) | undefined
  coloCache: Sources['coloCache']
  bootstrap: Uint8Array | undefined
  readonly #background: Promise<unknown>[] = []

  constructor() {
    const clock = { time: START, dice: 0, now: () => clock.time, random: () => clock.dice }
    this.clock = clock
    const views: ViewPort = {
      apply: (told) => void this.told.push(told),
      list: () => this.views,
    }
    this.cache = createSnapshotCache(views, clock)
  }

  readonly connect = (): Sources => ({
    refresh: (request) => {
      this.questions.push(request)
      return this.coordinator(request) as Promise<RefreshReply>
    },
    replica: {
      get: () => {
        this.replicaReads += 1
        return this.replica?.() ?? Promise.resolve(undefined)
      },
    },
    coloCache: this.coloCache,
    bootstrap: this.bootstrap,
    log: (line) => this.lines.push(line),
  })

  readonly context = {
    waitUntil: (work: Promise<unknown>) => {
      this.#background.push(work)
    },
  }

  /** A request asks for the snapshot. */
  request(): Held | Promise<Held | undefined> {
    return this.cache.current(this.connect, this.context)
  }

  /** A request to a warm isolate: fails the test if it is made to wait. */
  warmRequest(): Held {
    const held = this.request()
    if (held instanceof Promise) throw new Error('a warm request was made to wait')
    return held
  }

  refreshNow(): Promise<void> {
    return this.cache.refreshNow(this.connect, this.context)
  }

  /** Until nothing goes on behind the requests. */
  async settle(): Promise<void> {
    for (let work = this.#background.shift(); work; work = this.#background.shift()) await work
  }

  /** Lets the next refresh come due, and run. */
  async refreshOnce(afterMs = 5_000): Promise<Held> {
    this.clock.time += afterMs
    const held = this.warmRequest()
    await this.settle()
    return held
  }

  serveRevision(revision: number): void {
    this.coordinator = async (request) => replyAt(revision, request)
  }

  readonly events = () => this.lines.map(({ event, reason }) => [event, reason].join(' ').trim())
}

/** An isolate that holds a revision that the coordinator has just handed out. */
export async function aWarmBench(revision = 1): Promise<Bench> {
  const bench = new Bench()
  bench.serveRevision(revision)
  await bench.request()
  await bench.settle()
  bench.questions.length = 0
  return bench
}

/** Timers stand still until the test moves them; the digest's turns are real. */
export const freezeTimers = (): void => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
}

/** Moves the timers and the isolate's clock. */
export async function pass(bench: Bench, ms: number): Promise<void> {
  bench.clock.time += ms
  await vi.advanceTimersByTimeAsync(ms)
}

/**
 * The next deadlines never strike, like those of a request that is gone. The near sources of a cold
 * start come before the question to the coordinator, and have answered by then.
 */
export function loseDeadlines(questions: number): void {
  const { setTimeout: set } = globalThis
  let lost = 0
  vi.spyOn(globalThis, 'setTimeout').mockImplementation(((act: () => void, ms: number) =>
    ms === 2_000 && lost++ < questions ? 0 : set(act, ms)) as never)
}
