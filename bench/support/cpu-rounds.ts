/**
 * Windows of load in random order, one per Worker and round. Each window is measured in slices that
 * take turns with those of the other Workers, so that what disturbs one disturbs them all.
 */
import { forkPeer, stop } from './children.ts'
import type { LoadOrder, LoadResult } from './load.ts'
import type { Runtime } from './runtime.ts'
import { median } from './statistics.ts'

const WARM_UP_PASSES = 2
/** Some 20,000 requests: then the compilers have done with what runs for each of them. */
const WARM_UP_MS = 8_000

export interface RoundsPlan {
  readonly rounds: number
  readonly windowMs: number
  readonly slices: number
  /** Before each slice: connections are made, code is hot again. */
  readonly leadInMs: number
  readonly connections: number
  readonly requests: readonly string[]
  /** Measured one right after the other. */
  readonly pairs: readonly (readonly [string, string])[]
}

/** One window. Latencies are medians over its slices. */
export interface WindowResult {
  readonly requests: number
  readonly cpuUsPerRequest: number
  readonly requestsPerSecond: number
  readonly p50Us: number
  readonly p99Us: number
}

export type Measurements = ReadonlyMap<string, readonly WindowResult[]>

/** Measures every socket of the runtime. A first pass is thrown away: compilers warm up. */
export async function measureRounds(runtime: Runtime, plan: RoundsPlan): Promise<Measurements> {
  const loader = forkPeer('./load.ts')
  const names = [...runtime.ports.keys()]
  const windows = new Map<string, WindowResult[]>(names.map((name) => [name, []]))
  const measure = async (name: string) => {
    const result = await loader.ask<LoadResult>(makeOrder(runtime, plan, name))
    if (result.failed > 0) throw new Error(`${name}: ${result.failed} requests failed`)
    return result
  }
  for (let pass = 0; pass < WARM_UP_PASSES; pass++) for (const name of names) await measure(name)
  for (let round = 1; round <= plan.rounds; round++) {
    const slices = new Map<string, LoadResult[]>(names.map((name) => [name, []]))
    for (let slice = 0; slice < plan.slices; slice++)
      for (const name of drawOrder(names, plan.pairs)) slices.get(name)?.push(await measure(name))
    for (const [name, results] of slices) windows.get(name)?.push(addUp(results))
  }
  await stop(loader.child)
  return windows
}

/** Until each Worker runs as it does for the rest of its isolate's life. */
export async function warmUp(runtime: Runtime, plan: RoundsPlan): Promise<void> {
  const loader = forkPeer('./load.ts')
  for (const name of runtime.ports.keys()) {
    const order = { ...makeOrder(runtime, plan, name), windowMs: WARM_UP_MS }
    await loader.ask<LoadResult>(order)
  }
  await stop(loader.child)
}

function addUp(slices: readonly LoadResult[]): WindowResult {
  const sum = (pick: (slice: LoadResult) => number) =>
    slices.reduce((total, slice) => total + pick(slice), 0)
  const requests = sum((slice) => slice.requests)
  return {
    requests,
    cpuUsPerRequest: sum((slice) => slice.cpuUsPerRequest * slice.requests) / requests,
    requestsPerSecond: sum((slice) => slice.requestsPerSecond) / slices.length,
    p50Us: median(slices.map((slice) => slice.p50Us)),
    p99Us: median(slices.map((slice) => slice.p99Us)),
  }
}

function makeOrder(runtime: Runtime, plan: RoundsPlan, name: string): LoadOrder {
  return {
    port: runtime.ports.get(name) ?? 0,
    serverPid: runtime.pid,
    requests: plan.requests,
    connections: plan.connections,
    leadInMs: plan.leadInMs,
    windowMs: plan.windowMs / plan.slices,
  }
}

/** One list of windows after the other, for each Worker. */
export function append(before: Measurements, more: Measurements): Measurements {
  return new Map([...more].map(([name, list]) => [name, [...(before.get(name) ?? []), ...list]]))
}

export function printProgress(windows: Measurements): string {
  return [...windows]
    .map(([name, list]) => `${name} ${median(list.map((one) => one.cpuUsPerRequest)).toFixed(0)}`)
    .join(', ')
}

/** Random, but for the pairs: each stays together, in random order. */
function drawOrder(names: readonly string[], pairs: RoundsPlan['pairs']): string[] {
  const paired = new Set(pairs.flat())
  const blocks = [...names.filter((name) => !paired.has(name)).map((name) => [name]), ...pairs]
  return shuffle(blocks.map(shuffle)).flat()
}

export function shuffle<T>(list: readonly T[]): T[] {
  return list
    .map((value) => ({ value, order: Math.random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ value }) => value)
}
