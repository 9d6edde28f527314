/** bench/RESULTS.md, from the sections that the parts left in dist/bench. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { ROOT } from '../scripts/local.ts'
import { findWorkerd } from '../scripts/workerd-binary.ts'
import { SECTIONS } from './support/section.ts'

export const PARTS: readonly string[] = ['cpu', 'streaming', 'startup', 'snapshot', 'lookup']

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

- **Size.** Hono and zod are 30 KB of the bundle, and the control plane (document checks, coordinator,
  admin API) is most of the rest. One script hosts both planes (docs/decisions/0001), so a router
  isolate carries code that only the coordinator runs. Splitting it is the one change that would
  halve it.
- **Start.** This machine takes 7 to 8 ms for an empty Hono app, where 1.4 ms were measured when the
  aim was set. The router takes 2 to 3 times what Hono alone does. The schemas are built, and
  \`node:crypto\` is loaded, when a document is first read.
- **CPU against bare.** What the router adds is its platform work: \`hand\`, which does the same
  without layers, is as far from bare. Most of it is reading and copying header fields.
- **Swap.** The worst of all swaps includes garbage collection and the sending of the stand-in
  coordinator on the same thread.`

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
