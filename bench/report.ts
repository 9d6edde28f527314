/** bench/RESULTS.md, from the sections that the parts left in dist/bench. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { ROOT } from '../scripts/local.ts'
import { findWorkerd } from '../scripts/workerd-binary.ts'
import { SECTIONS } from './support/section.ts'

export const PARTS: readonly string[] = [
  'cpu',
  'streaming',
  'startup',
  'snapshot',
  'lookup',
  'resilience',
]

const run = (command: string, args: readonly string[]): string => {
  try {
    return execFileSync(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'ignore'] })
      .toString()
      .trim()
  } catch {
    return ''
  }
}

function printCommit(): string {
  const commit = run('git', ['rev-parse', '--short', 'HEAD']) || 'none yet'
  const isDirty =
    run('git', ['status', '--porcelain', '--', 'workers', 'shared', 'durable-objects']) !== ''
  return isDirty ? `${commit}, with uncommitted changes` : commit
}

/** A part that does not print a heading prints a table or plain text: give it one. */
function readSection(part: string): string | undefined {
  const file = join(SECTIONS, `${part}.md`)
  if (!existsSync(file)) return undefined
  const text = readFileSync(file, 'utf8').trim()
  const date = statSync(file).mtime.toISOString().slice(0, 16).replace('T', ' ')
  const heading = text.startsWith('## ') ? '' : `## ${part === 'lookup' ? 'Lookup' : part}\n\n`
  return `${heading}${text}\n\n<sub>\`npm run bench -- ${part}\`, ${date} UTC</sub>`
}

/** Why figures miss: read beside them, and rewritten when they change. */
const REASONS = `## What misses, and why

- **The router over a bare proxy.** \`hand\` alone is at one and a half times \`bare\`; most of that are
  copies of header fields (\`only-headers\`), which every gateway makes that keeps a cell from seeing
  what is not its business. The shares of breakers, checks and retries are below the noise: routers
  without one of them did not measure cheaper, and \`only-breaker\` is as cheap as \`only-fetch\`.
- **Size.** The data plane by itself is a little over the aim since it has breakers, failover and
  balancing (\`data-plane\` above). One script hosts both planes (docs/decisions/0001), and the
  control plane, zod among it, is more than the other half: document checks, coordinator, breaker
  objects, admin API. Two scripts would halve what a router isolate carries; what it
  would gain is in the next point.
- **Start.** An empty Hono app alone takes most of the aim on this machine (1.4 ms where the aim was
  set). Of what the router takes over that, the control plane is about half; the rest is bindings,
  first compilation and the first request. The schemas are built, and \`node:crypto\` is loaded, when
  a document is first read.
- **Swap.** The stand-in coordinator sends the snapshot on the thread that is measured, and the
  worst of all swaps includes garbage collection. The router reads and hashes in blocks of 128 KiB
  with turns for others between them; a third of the stall is there without any swap.
- **Many at once.** The aim is a second. One client at one isolate takes five to make a thousand
  placements fail on two cores, on which their objects, the coordinator and both isolates run as
  well; each object tells the coordinator once, and no view is lost.`

export function writeReport(): void {
  const sections = PARTS.map(readSection).filter((text) => text !== undefined)
  const cpu = cpus()
  const text = `# Benchmark results

Written by \`npm run bench\`; figures are as they came. Machine: ${cpu[0]?.model.trim()}, ${cpu.length} cores, ${(totalmem() / 2 ** 30).toFixed(1)} GiB, Linux ${release()}. Node ${process.version}, ${run(findWorkerd(), ['--version'])}. Commit: ${printCommit()}.

Ratios are what counts, and only those whose control (the same Worker measured twice) is even. Times on a shared machine say little by themselves.

${sections.join('\n\n')}

${REASONS}
`
  writeFileSync(join(ROOT, 'bench/RESULTS.md'), text)
  console.error('\nWrote bench/RESULTS.md')
}

if (import.meta.main) writeReport()
