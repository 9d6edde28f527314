/**
 * `npm run bench`: every part in turn, each in a process of its own, then bench/RESULTS.md.
 *
 *   npm run bench [-- cpu streaming startup snapshot lookup resilience] [-- --quick]
 *
 * Takes about forty minutes whole. Ratios of times are evidence only when nothing else
 * runs on the machine: the parts measure that themselves and say "inconclusive" otherwise.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ROOT } from '../scripts/local.ts'
import { PARTS, writeReport } from './report.ts'
import { SECTIONS } from './support/section.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false } },
})
const unknown = positionals.filter((part) => !PARTS.includes(part))
if (unknown.length > 0) {
  console.error(`There is no part ${unknown.join(', ')}. Parts: ${PARTS.join(', ')}.`)
  process.exit(1)
}

mkdirSync(SECTIONS, { recursive: true })
let failed = false
for (const part of positionals.length > 0 ? positionals : PARTS) {
  console.error(`\n— ${part}`)
  const takesQuick = values.quick && part !== 'lookup'
  const args = [...(part === 'lookup' ? ['--expose-gc'] : []), join(ROOT, `bench/${part}.ts`)]
  const { status, stdout } = spawnSync(
    process.execPath,
    [...args, ...(takesQuick ? ['--quick'] : [])],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      maxBuffer: 64 * 1024 * 1024,
    },
  )
  const section = stdout.toString().trim()
  console.log(section)
  if (status === 0) writeFileSync(join(SECTIONS, `${part}.md`), `${section}\n`)
  else failed = true
}
writeReport()
if (failed) process.exit(1)
