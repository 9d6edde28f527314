/**
 * CPU time per request of the router beside a bare pass-through, the same in Hono, and a
 * hand-written Worker that does the same platform work: one workerd process, one upstream, one
 * closed-loop client with 32 connections, interleaved windows. Ratios only; req/s and latencies
 * are told, not judged.
 *
 *   node bench/cpu.ts [--rounds 20] [--quick]
 */
import { parseArgs } from 'node:util'
import { forkPeer, stop } from './support/children.ts'
import {
  append,
  type Measurements,
  measureRounds,
  printProgress,
  shuffle,
  warmUp,
} from './support/cpu-rounds.ts'
import {
  KEYS,
  listRequests,
  listVariants,
  makeDocument,
  printKey,
  printRequest,
  ROUTERS,
  writeRoutes,
} from './support/cpu-variants.ts'
import { publish, waitForRevision } from './support/router.ts'
import {
  bundleVariants,
  makeScratchDirectory,
  type Runtime,
  startRuntime,
  type Variant,
  waitForAnswer,
} from './support/runtime.ts'
import { findDifferences } from './support/same-headers.ts'
import { deliver, printTable } from './support/section.ts'
import { type Comparison, compare, judge, median } from './support/statistics.ts'

const CONNECTIONS = 32
const HAND_LIMIT = 1.1
const QUIET_AIM = 1.3
const ROUTER_AIM = 1.6
const SLICES = 4
/** Each measures the same share of the rounds. */
const RUNTIMES = 3
/** Of each, before its compilers have done. */
const YOUNG_ROUNDS = 1
const PAIRS = [
  ['bare', 'bare-again'],
  ['hand', 'router'],
] as const

const { values } = parseArgs({
  options: { rounds: { type: 'string' }, quick: { type: 'boolean', default: false } },
})
const asked = Number(values.rounds ?? (values.quick ? 8 : 20))
const rounds = Math.ceil(asked / RUNTIMES) * RUNTIMES
const windowMs = 1_000
const leadInMs = 80

const portOf = (runtime: Runtime, name: string): number => runtime.ports.get(name) ?? 0

async function publishTo(runtime: Runtime, name: string, document: object): Promise<void> {
  const port = portOf(runtime, name)
  await waitForAnswer(`http://127.0.0.1:${port}/health`)
  const { revision } = await publish(port, document)
  await waitForRevision(port, revision, printKey(1))
}

/** Both must do the same work, or the comparison says nothing. */
async function checkSameWork(runtime: Runtime): Promise<string[]> {
  const ports = [portOf(runtime, 'hand'), portOf(runtime, 'router')] as const
  const head = printRequest(printKey(3), '/echo?a=1').replace(
    'Connection: keep-alive',
    [
      'X-Request-Id: 0123456789abcdef',
      'X-Forwarded-For: 203.0.113.9',
      'Proxy-Authorization: Basic eA==',
      'CF-Connecting-IP: 203.0.113.9',
      'X-Route-Reason: forged',
      'X-Hop: 1',
      'Connection: keep-alive, Dpr',
      'Dpr: 2',
    ].join('\r\n'),
  )
  return findDifferences(ports, head)
}

async function startAll(variants: readonly Variant[], directory: string, upstream: string) {
  const runtime = await startRuntime(shuffle(variants), directory)
  for (const [name, placement] of Object.entries(ROUTERS))
    if (runtime.ports.has(name)) await publishTo(runtime, name, makeDocument(upstream, placement))
  return runtime
}

/** Several processes: where its memory happens to lie favours one isolate for the life of one. */
async function run(): Promise<{
  measured: Measurements
  young: Measurements
  differences: string[]
}> {
  const directory = makeScratchDirectory()
  const origin = forkPeer('./origin.ts')
  const { port } = await origin.ask<{ port: number }>({})
  const upstream = `http://127.0.0.1:${port}`
  const variants = listVariants(upstream, values.quick)
  writeRoutes(directory, upstream)
  await bundleVariants(variants, directory)
  const plan = {
    rounds: rounds / RUNTIMES,
    windowMs,
    slices: SLICES,
    leadInMs,
    connections: CONNECTIONS,
    requests: listRequests(),
    pairs: PAIRS,
  }
  let measured: Measurements = new Map()
  let young: Measurements = new Map()
  let differences: string[] = []
  for (let turn = 1; turn <= RUNTIMES; turn++) {
    const runtime = await startAll(variants, directory, upstream)
    if (turn === 1) differences = await checkSameWork(runtime)
    young = append(young, await measureRounds(runtime, { ...plan, rounds: YOUNG_ROUNDS }))
    await warmUp(runtime, plan)
    measured = append(measured, await measureRounds(runtime, plan))
    await runtime.stop()
    const state = `${turn * plan.rounds} of ${rounds} rounds`
    console.error(`cpu: ${state}; CPU µs per request: ${printProgress(measured)}`)
  }
  await stop(origin.child)
  const names = variants.map(({ name }) => name)
  const inOrder = new Map(names.map((name) => [name, measured.get(name) ?? []]))
  return { measured: inOrder, young, differences }
}

const printRatio = (ratio: Comparison): string =>
  `${ratio.median.toFixed(3)} (${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)}), ${ratio.minima.toFixed(3)}`

function printRows(measured: Measurements, cpuOf: (name: string) => number[]): string[][] {
  return [...measured].map(([name, results]) => {
    const cpu = cpuOf(name)
    const middle = (pick: (result: (typeof results)[number]) => number) => median(results.map(pick))
    return [
      name,
      median(cpu).toFixed(1),
      Math.min(...cpu).toFixed(1),
      printRatio(compare(cpu, cpuOf('bare'))),
      printRatio(compare(cpu, cpuOf('hand'))),
      middle((result) => result.requestsPerSecond).toFixed(0),
      middle((result) => result.p50Us / 1000).toFixed(1),
      middle((result) => result.p99Us / 1000).toFixed(1),
    ]
  })
}

const HEAD = [
  'Worker',
  'CPU µs, median',
  'minimum',
  '÷ bare: median (quartiles), minima',
  '÷ hand: median (quartiles), minima',
  'req/s',
  'p50 ms',
  'p99 ms',
]

function report({ measured, young, differences }: Awaited<ReturnType<typeof run>>): void {
  const readCpu = (windows: Measurements, name: string) =>
    (windows.get(name) ?? []).map((result) => result.cpuUsPerRequest)
  const cpuOf = (name: string) => readCpu(measured, name)
  const youngRatio = compare(readCpu(young, 'router'), readCpu(young, 'hand'))
  const control = compare(cpuOf('bare-again'), cpuOf('bare'))
  const verdicts: Record<string, string> = {}
  const decide = (what: string, name: string, base: string, limit: number) => {
    if (!measured.has(name)) return
    const ratio = compare(cpuOf(name), cpuOf(base))
    const verdict =
      differences.length > 0 ? 'not judged: the headers differ' : judge(ratio, control, limit)
    verdicts[what] = `${printRatio(ratio)}: **${verdict}**`
  }
  decide(`gate: router ≤ ${HAND_LIMIT} × hand`, 'router', 'hand', HAND_LIMIT)
  decide(`aim: router, all on, ≤ ${ROUTER_AIM} × bare`, 'router', 'bare', ROUTER_AIM)
  decide(`aim: hand with timer and log off ≤ ${QUIET_AIM} × bare`, 'hand-quiet', 'bare', QUIET_AIM)
  const sameWork =
    differences.length === 0
      ? '`hand` and `router` sent the same header lines to the upstream and to the client.'
      : `**\`hand\` and \`router\` do not do the same work:** ${differences.map((line) => `\`${line}\``).join(', ')}`
  const text = `## CPU time per request

${printTable(HEAD, printRows(measured, cpuOf))}

${rounds} rounds (in ${RUNTIMES} processes, one after the other) of ${windowMs / 1000} s windows, each in ${SLICES} slices in random order among those of the others (bare beside bare-again, hand beside router), ${CONNECTIONS} connections, GET with 11 header fields, 512-byte answer, ${KEYS.toLocaleString('en')} routing keys. CPU: all threads of workerd (schedstat). A/A control (bare-again ÷ bare): ${printRatio(control)}. ${sameWork} Each Worker had some 20,000 requests before: until then the compilers work beside it, and longer for more code. Over its first ${(YOUNG_ROUNDS * windowMs) / 1000} s in each process, router ÷ hand is ${printRatio(youngRatio)}.

${Object.entries(verdicts)
  .map(([what, verdict]) => `- ${what}: ${verdict}`)
  .join('\n')}

Rows: \`hand\` does everything the router does to a plain request; \`hand-quiet\` is \`hand\` without timer and log; \`only-…\` is \`hand\` with one feature (request and response headers, first-byte timer, log line, path check and lookup, breaker counts); \`only-fetch\` has none and passes method, headers and body by options; \`router\` has breakers, retries, a fallback and health checks on; \`router-no-…\` lacks one of them: the difference is its share (retry with failover; a breaker without rules still counts, see \`only-breaker\` for that); \`router-limits\` has a \`concurrencyLimit\`.
`
  deliver('cpu', text, {
    rounds,
    windowMs,
    differences,
    verdicts,
    measured: Object.fromEntries(measured),
  })
}

report(await run())
process.exit(0)
