/**
 * 100,000 routing keys on plain workerd: publishing, restarting, loading, and what a swap does to
 * the requests in flight, beside a Worker that parses the same document as JSON into a Map.
 *
 *   node bench/snapshot.ts [--keys 100000] [--swaps 6] [--quick]
 */
import { parseArgs } from 'node:util'
import type { Stall } from './support/probe.ts'
import { deliver, printKiB, printMiB, printMs, printTable } from './support/section.ts'
import { measureLife } from './support/snapshot-life.ts'
import { measureSwaps } from './support/snapshot-swaps.ts'
import { median } from './support/statistics.ts'

const { values } = parseArgs({
  options: {
    keys: { type: 'string', default: '100000' },
    swaps: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
})
const keys = Number(values.keys)
const swaps = Number(values.swaps ?? (values.quick ? 2 : 6))
const STALL_AIM_MS = 5

const lives = []
const adoptions = []
for (const keyBytes of [12, 22]) {
  lives.push(await measureLife(keys, keyBytes))
  console.error(`snapshot: ${keyBytes}-byte keys published and reloaded`)
  for (const kind of ['router', 'json-map'] as const) {
    adoptions.push(await measureSwaps(kind, keys, keyBytes, swaps))
    console.error(`snapshot: ${keyBytes}-byte keys, ${kind}: ${swaps} swaps`)
  }
}

const pick = (stalls: readonly Stall[], view: keyof Stall) => stalls.map((stall) => stall[view])
const own = adoptions.filter((one) => one.kind === 'router')
const stall = Math.max(...own.map((one) => median(pick(one.swaps, 'cpuMs'))))
const worst = Math.max(...own.flatMap((one) => pick(one.swaps, 'cpuMs')))
const usual = Math.max(...own.map((one) => median(pick(one.quiet, 'cpuMs'))))

const lifeTable = printTable(
  [
    'key bytes',
    'document, KiB',
    'snapshot, KiB',
    'B/key',
    'publish, ms',
    'of it one stall of the thread, CPU ms',
    'first request after a restart, ms',
    'the same from the replica alone, ms',
    'routed right',
  ],
  lives.map((one) => [
    String(one.keyBytes),
    printKiB(one.documentBytes),
    printKiB(one.snapshotBytes),
    (one.snapshotBytes / keys).toFixed(1),
    printMs(one.publishMs),
    printMs(one.publishStallMs),
    printMs(one.restartMs),
    printMs(one.replicaMs),
    `${one.routed} of ${one.asked}`,
  ]),
)

const swapTable = printTable(
  [
    'swap',
    'key bytes',
    'longest stall, CPU ms: median of swaps',
    'worst',
    'without swap: median',
    'the same by the clock, ms: median of swaps',
    'worst',
    'without swap: median',
    'retained heap + buffers, MiB',
    'peak of the process, MiB',
  ],
  adoptions.map((one) => [
    one.kind === 'router' ? 'router, packed snapshot' : 'JSON + Map',
    String(one.keyBytes),
    median(pick(one.swaps, 'cpuMs')).toFixed(2),
    Math.max(...pick(one.swaps, 'cpuMs')).toFixed(2),
    median(pick(one.quiet, 'cpuMs')).toFixed(2),
    median(pick(one.swaps, 'wallMs')).toFixed(2),
    Math.max(...pick(one.swaps, 'wallMs')).toFixed(2),
    median(pick(one.quiet, 'wallMs')).toFixed(2),
    `${printMiB(one.retained.heapBytes)} + ${printMiB(one.retained.bufferBytes)}`,
    printMiB(one.peakBytes),
  ]),
)

const text = `## ${keys.toLocaleString('en')} routing keys

${lifeTable}

Publishing includes reading, checking, compiling and storing the document; on plain workerd the coordinator shares its thread with the router, on Cloudflare it does not.

${swapTable}

A stall is the longest wait in a closed loop of requests to a Worker on the same thread that does nothing, from another process, between 250 ms before a swap shows and 50 ms after: by the clock, and as CPU time of workerd's thread meanwhile, which other work on the machine does not inflate. "Without swap": the longest of any other 300 ms. The snapshots come from a stand-in coordinator that has them compiled, on the same thread: its sending is in the stall. ${swaps} swaps each.

- aim: longest stall of a swap ≤ ${STALL_AIM_MS} ms: **${stall <= STALL_AIM_MS ? 'met' : 'missed'}** (CPU time: median ${stall.toFixed(2)} ms, worst of all ${worst.toFixed(2)} ms; without swap ${usual.toFixed(2)} ms)
`
deliver('snapshot', text, { keys, swaps, lives, adoptions })
process.exit(0)
