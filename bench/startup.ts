/**
 * What the router's bundle adds to the start of a workerd process: CPU time and wall time from the
 * start of the process to the first answer of /health, beside empty Workers; and its size.
 *
 *   node bench/startup.ts [--runs 15] [--quick]
 */
import { connect } from 'node:net'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { measureBuild, measureWrangler } from './support/bundle-size.ts'
import { readCpuNs } from './support/cpu-time.ts'
import {
  bundleVariants,
  makeScratchDirectory,
  ROUTER_ENTRY,
  startRuntime,
  type Variant,
} from './support/runtime.ts'
import { deliver, printKiB, printTable } from './support/section.ts'
import { median } from './support/statistics.ts'

const { values } = parseArgs({
  options: { runs: { type: 'string' }, quick: { type: 'boolean', default: false } },
})
const runs = Number(values.runs ?? (values.quick ? 9 : 21))
const CPU_AIM_MS = 6
const BYTES_AIM = 60 * 1024
const GZIP_AIM = 25 * 1024

const FLAGS = ['enable_request_signal']
const VARIANTS: readonly Variant[] = [
  { name: 'empty', entry: 'bench/workers/empty.ts', flags: FLAGS },
  { name: 'empty-object', entry: 'bench/workers/empty-object.ts', flags: FLAGS, isRouter: true },
  {
    name: 'hono',
    entry: 'bench/workers/hono.ts',
    flags: FLAGS,
    bindings: ['(name = "UPSTREAM", text = "")'],
  },
  { name: 'data-plane', entry: 'bench/workers/data-plane.ts', flags: FLAGS, isRouter: true },
  { name: 'router', entry: ROUTER_ENTRY, flags: FLAGS, isRouter: true },
]

interface Start {
  readonly wallMs: number
  readonly cpuMs: number
}

/** One request on a raw socket: false while nothing listens. */
function askHealth(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () =>
      socket.write('GET /health HTTP/1.1\r\nHost: bench\r\n\r\n'),
    )
    socket.on('error', () => resolve(false))
    socket.on('data', () => {
      socket.destroy()
      resolve(true)
    })
  })
}

async function startOnce(variant: Variant, directory: string): Promise<Start> {
  const startedAt = performance.now()
  const runtime = await startRuntime([variant], join(directory, variant.name))
  const port = runtime.ports.get(variant.name) ?? 0
  const deadline = startedAt + 20_000
  while (!(await askHealth(port))) {
    if (performance.now() > deadline) throw new Error(`${variant.name} does not answer`)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  const start = { wallMs: performance.now() - startedAt, cpuMs: readCpuNs(runtime.pid) / 1e6 }
  await runtime.stop()
  return start
}

async function measureStarts(directory: string): Promise<Map<string, Start[]>> {
  const starts = new Map<string, Start[]>(VARIANTS.map(({ name }) => [name, []]))
  for (const variant of VARIANTS) await bundleVariants([variant], join(directory, variant.name))
  for (let run = 0; run <= runs; run++) {
    for (const variant of VARIANTS.toSorted(() => Math.random() - 0.5)) {
      const start = await startOnce(variant, directory)
      if (run > 0) starts.get(variant.name)?.push(start)
    }
  }
  console.error(`startup: ${runs} runs`)
  return starts
}

const told = (isMet: boolean): string => (isMet ? '**met**' : '**missed**')

const directory = makeScratchDirectory()
const starts = await measureStarts(directory)
const cpuOf = (name: string) => (starts.get(name) ?? []).map((start) => start.cpuMs)
const overEmpty = (name: string) => ({
  median: median(cpuOf(name)) - median(cpuOf('empty')),
  minimum: Math.min(...cpuOf(name)) - Math.min(...cpuOf('empty')),
})
const { size, shares } = measureWrangler(directory)
const builds = [
  size,
  await measureBuild('scripts/build.ts', 'workers/index.ts', directory),
  await measureBuild('data-plane', 'bench/workers/data-plane.ts', directory),
]
const router = overEmpty('router')
const rows = [...starts].map(([name, list]) => [
  name,
  median(list.map((start) => start.wallMs)).toFixed(1),
  median(cpuOf(name)).toFixed(1),
  Math.min(...cpuOf(name)).toFixed(1),
  `${overEmpty(name).median.toFixed(1)}`,
  `${overEmpty(name).minimum.toFixed(1)}`,
])
const text = `## Start and size

${printTable(['Worker', 'first answer, ms', 'CPU ms, median', 'minimum', 'over empty: medians', 'over empty: minima'], rows)}

${runs} starts each, interleaved (one more thrown away): CPU of the whole process from its start to the first answer of \`/health\`. \`empty-object\` has the router's bindings and an empty class for them; \`data-plane\` is the router without admin API and coordinator.

${printTable(
  ['bundle', 'KiB', 'gzip -9, KiB'],
  builds.map((one) => [one.name, printKiB(one.bytes), printKiB(one.gzipBytes)]),
)}

${printTable(
  ['of the minified bundle', 'bytes'],
  [...shares].map(([name, bytes]) => [name, String(bytes)]),
)}

- aim: start ≤ ${CPU_AIM_MS} ms of CPU over an empty Worker: ${told(router.median <= CPU_AIM_MS)} (${router.median.toFixed(1)} by medians, ${router.minimum.toFixed(1)} by minima)
- aim: ≤ 60 KiB minified: ${told(size.bytes <= BYTES_AIM)} (${printKiB(size.bytes)})
- aim: ≤ 25 KiB gzip: ${told(size.gzipBytes <= GZIP_AIM)} (${printKiB(size.gzipBytes)})
`
deliver('startup', text, {
  runs,
  starts: Object.fromEntries(starts),
  builds,
  shares: Object.fromEntries(shares),
})
process.exit(0)
