/**
 * One large body through a bare pass-through (twice: the control) and through the router, both
 * ways, with Content-Length and chunked: throughput, CPU time per GB, growth of memory over a
 * small body. Interleaved, median of the runs.
 *
 *   node bench/streaming.ts [--runs 7] [--mib 1024] [--quick]
 */
import { parseArgs } from 'node:util'
import { forkPeer, stop } from './support/children.ts'
import { publish, waitForRevision } from './support/router.ts'
import {
  bundleVariants,
  makeScratchDirectory,
  ROUTER_ENTRY,
  type Runtime,
  startRuntime,
  type Variant,
  waitForAnswer,
} from './support/runtime.ts'
import { deliver, MEBIBYTE, printMiB, printTable } from './support/section.ts'
import { median, quantile } from './support/statistics.ts'
import type { Transfer, TransferResult } from './support/stream-client.ts'

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '7' },
    mib: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
})
const runs = Number(values.runs)
const largeBytes = Number(values.mib ?? (values.quick ? 128 : 1024)) * MEBIBYTE
const smallBytes = 10 * MEBIBYTE
const KEY = 'tenant'
const THROUGHPUT_AIM = 0.95
const GROWTH_AIM_BYTES = 2 * MEBIBYTE

const CASES = (['down', 'up'] as const).flatMap((direction) =>
  [false, true].map((isChunked) => ({ direction, isChunked })),
)
type Case = (typeof CASES)[number]

interface Sample extends TransferResult {
  readonly name: string
  readonly kind: Case
  /** Peak over this transfer less the peak over a small one just before. */
  readonly growthBytes: number
}

const FLAGS = ['enable_request_signal']
const listVariants = (origin: string): Variant[] => {
  const bindings = [`(name = "UPSTREAM", text = "${origin}")`]
  return [
    { name: 'bare', entry: 'bench/workers/bare.ts', flags: FLAGS, bindings },
    { name: 'bare-again', entry: 'bench/workers/bare.ts', flags: FLAGS, bindings },
    { name: 'router', entry: ROUTER_ENTRY, flags: FLAGS, isRouter: true },
    { name: 'router-limits', entry: ROUTER_ENTRY, flags: FLAGS, isRouter: true },
  ]
}

async function publishTo(runtime: Runtime, name: string, origin: string, settings: object) {
  const port = runtime.ports.get(name) ?? 0
  await waitForAnswer(`http://127.0.0.1:${port}/health`)
  const { revision } = await publish(port, {
    schema: 1,
    routingTable: { [KEY]: 'cell' },
    defaultPlacement: 'cell',
    placements: { cell: { endpoints: [origin], ...settings } },
  })
  await waitForRevision(port, revision, KEY)
}

async function measure(runtime: Runtime): Promise<Sample[]> {
  const client = forkPeer('./stream-client.ts')
  const samples: Sample[] = []
  const names = [...runtime.ports.keys()]
  const send = (name: string, kind: Case, bytes: number) => {
    const order: Transfer = {
      ...kind,
      bytes,
      routingKey: KEY,
      port: runtime.ports.get(name) ?? 0,
      serverPid: runtime.pid,
    }
    return client.ask<TransferResult>(order)
  }
  for (const kind of CASES) for (const name of names) await send(name, kind, smallBytes)
  for (let run = 1; run <= runs; run++) {
    for (const kind of CASES) {
      for (const name of names.toSorted(() => Math.random() - 0.5)) {
        const small = await send(name, kind, smallBytes)
        const large = await send(name, kind, largeBytes)
        samples.push({ ...large, name, kind, growthBytes: large.peakBytes - small.peakBytes })
      }
    }
    console.error(`streaming: run ${run} of ${runs}`)
  }
  await stop(client.child)
  return samples
}

const printCase = ({ direction, isChunked }: Case): string =>
  `${direction}, ${isChunked ? 'chunked' : 'Content-Length'}`

function summarize(samples: readonly Sample[]) {
  const names = ['bare', 'bare-again', 'router', 'router-limits']
  return CASES.flatMap((kind) => {
    const of = (name: string) => samples.filter((one) => one.name === name && one.kind === kind)
    const speedOf = (name: string) => of(name).map((one) => largeBytes / 1e6 / one.seconds)
    const cpuOf = (name: string) => of(name).map((one) => one.cpuSeconds / (largeBytes / 1e9))
    return names.map((name) => ({
      kind: printCase(kind),
      name,
      megabytesPerSecond: median(speedOf(name)),
      slowest: quantile(speedOf(name), 0),
      fastest: quantile(speedOf(name), 1),
      speedOverBare: median(speedOf(name)) / median(speedOf('bare')),
      cpuSecondsPerGigabyte: median(cpuOf(name)),
      cpuOverBare: median(cpuOf(name)) / median(cpuOf('bare')),
      growthBytes: median(of(name).map((one) => one.growthBytes)),
    }))
  })
}

function report(samples: readonly Sample[]): void {
  const rows = summarize(samples)
  const judged = rows.filter((row) => row.name === 'router')
  const control = rows.filter((row) => row.name === 'bare-again').map((row) => row.speedOverBare)
  const isNoisy = control.some((ratio) => Math.abs(ratio - 1) > 0.05)
  const slow = judged.filter((row) => row.speedOverBare < THROUGHPUT_AIM)
  const grown = judged.filter((row) => row.growthBytes > GROWTH_AIM_BYTES)
  const told = (list: readonly { kind: string }[]) =>
    list.length === 0 ? 'met' : `missed for ${list.map((row) => row.kind).join('; ')}`
  const noise = isNoisy ? ', but the control is not even either: inconclusive' : ''
  const table = printTable(
    [
      'body',
      'Worker',
      'MB/s (slowest–fastest)',
      '÷ bare',
      'CPU s/GB',
      '÷ bare',
      'peak growth, MiB',
    ],
    rows.map((row) => [
      row.kind,
      row.name,
      `${row.megabytesPerSecond.toFixed(0)} (${row.slowest.toFixed(0)}–${row.fastest.toFixed(0)})`,
      row.speedOverBare.toFixed(2),
      row.cpuSecondsPerGigabyte.toFixed(2),
      row.cpuOverBare.toFixed(2),
      printMiB(row.growthBytes),
    ]),
  )
  const text = `## Streaming

${table}

${largeBytes / MEBIBYTE} MiB per transfer, median of ${runs}, interleaved; growth is the peak of resident memory over a 10 MiB transfer just before. \`router-limits\` has a \`concurrencyLimit\`, so it must see the end of each answer.

- aim: router ≥ ${THROUGHPUT_AIM} × bare MB/s: **${told(slow)}${slow.length > 0 ? noise : ''}** (control: ${control.map((ratio) => ratio.toFixed(2)).join(', ')})
- aim: growth ≤ ${GROWTH_AIM_BYTES / MEBIBYTE} MiB: **${told(grown)}**
`
  deliver('streaming', text, { runs, largeBytes, rows })
}

const directory = makeScratchDirectory()
const origin = forkPeer('./stream-origin.ts')
const { port } = await origin.ask<{ port: number }>({})
const upstream = `http://127.0.0.1:${port}`
const variants = listVariants(upstream)
await bundleVariants(variants, directory)
const runtime = await startRuntime(variants, directory)
await publishTo(runtime, 'router', upstream, {})
await publishTo(runtime, 'router-limits', upstream, { concurrencyLimit: 100 })
report(await measure(runtime))
process.exit(0)
