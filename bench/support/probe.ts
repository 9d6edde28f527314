/**
 * How long the server's thread keeps a request waiting, seen from a process of its own. A closed
 * loop on one connection asks a Worker that does nothing (so that it makes next to no garbage)
 * and shares the thread with the Worker that is watched; the latter is asked every 50 ms, which
 * makes it refresh, and tells by X-Config-Revision when it swapped.
 */
import { readFileSync } from 'node:fs'
import { answer } from './children.ts'
import { quantile } from './statistics.ts'
import { openWire } from './wire.ts'

export interface ProbeOrder {
  readonly serverPid: number
  /** The Worker that does nothing. */
  readonly idlePort: number
  readonly watchedPort: number
  /** Asked of the watched one, as it goes on the wire. */
  readonly head: string
  readonly durationMs: number
}

export interface ProbeResult {
  /** The longest stall around each swap. */
  readonly swaps: readonly Stall[]
  /** The longest stall of every other stretch of the same length: the control. */
  readonly quiet: readonly Stall[]
  /** The longest of all. */
  readonly longest: Stall
  readonly p50Ms: number
}

/** Two views of the longest wait of a request. */
export interface Stall {
  /** As its client sees it: time that other work on the machine took is in it. */
  readonly wallMs: number
  /** CPU time that the server's thread used meanwhile: what it was busy with itself. */
  readonly cpuMs: number
}

interface Sample extends Stall {
  readonly at: number
}

const BEFORE_SWAP_MS = 250
const AFTER_SWAP_MS = 50
const WATCH_EVERY_MS = 50
const IDLE_HEAD = 'GET / HTTP/1.1\r\nHost: bench\r\n\r\n'

/** Of the thread that runs JavaScript: workerd's main one. */
const readThreadMs = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'latin1').split(' ')[0]) / 1e6

async function loop({ idlePort, serverPid }: ProbeOrder, until: number): Promise<Sample[]> {
  const wire = await openWire(idlePort)
  const samples: Sample[] = []
  while (performance.now() < until) {
    const cpuBefore = readThreadMs(serverPid)
    const sentAt = performance.now()
    await wire.ask(IDLE_HEAD)
    const at = performance.now()
    samples.push({ at, wallMs: at - sentAt, cpuMs: readThreadMs(serverPid) - cpuBefore })
  }
  wire.close()
  return samples.slice(1)
}

/** When the answers of the watched Worker began to come from another revision. */
async function watch({ watchedPort, head }: ProbeOrder, until: number): Promise<number[]> {
  const wire = await openWire(watchedPort)
  const swaps: number[] = []
  let held: string | undefined
  while (performance.now() < until) {
    const revision = /\r\nx-config-revision: (\d+)/i.exec(await wire.ask(head))?.[1]
    if (held !== undefined && revision !== held) swaps.push(performance.now())
    held = revision
    await new Promise((resolve) => setTimeout(resolve, WATCH_EVERY_MS))
  }
  wire.close()
  return swaps
}

const findLongest = (samples: readonly Sample[]): Stall => ({
  wallMs: samples.reduce((most, sample) => Math.max(most, sample.wallMs), 0),
  cpuMs: samples.reduce((most, sample) => Math.max(most, sample.cpuMs), 0),
})

async function probe(order: ProbeOrder): Promise<ProbeResult> {
  const until = performance.now() + order.durationMs
  const [samples, swaps] = await Promise.all([loop(order, until), watch(order, until)])
  const isAround = (swap: number) => (sample: Sample) =>
    sample.at > swap - BEFORE_SWAP_MS && sample.at < swap + AFTER_SWAP_MS
  const rest = samples.filter((sample) => !swaps.some((swap) => isAround(swap)(sample)))
  const stretches = Map.groupBy(rest, ({ at }) => Math.floor(at / (BEFORE_SWAP_MS + AFTER_SWAP_MS)))
  return {
    swaps: swaps.map((swap) => findLongest(samples.filter(isAround(swap)))),
    quiet: [...stretches.values()].map(findLongest),
    longest: findLongest(samples),
    p50Ms: quantile(
      samples.map((sample) => sample.wallMs),
      0.5,
    ),
  }
}

answer(probe)
