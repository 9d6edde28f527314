/**
 * `npm test`: everything that must hold before a change lands, in order of cost, without network.
 * Stops at the first failing step and names it. `npm test -- core` runs the steps whose name begins so.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT, readVariables } from './local.ts'

interface Step {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
}

const step = (name: string, command: string, ...args: string[]): Step => ({ name, command, args })
const DRY_RUN = 'dist/dry-run'
/** Several times what the longest takes on two busy cores. */
const LONGEST_STEP_MS = 20 * 60_000
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

const STEPS: readonly Step[] = [
  step('lint', 'biome', 'ci', '--error-on-warnings', '.'),
  step('types of the core', 'tsc', '-p', 'shared'),
  step('types', 'tsc', '-p', '.'),
  step(
    'types are up to date',
    'wrangler',
    'types',
    '--include-runtime=false',
    '--strict-vars=false',
    '--check',
  ),
  step('core and architecture tests', 'vitest', 'run', '--project', 'core', '--coverage'),
  step('workerd tests', 'vitest', 'run', '--project', 'workerd'),
  step('deploy dry run', 'wrangler', 'deploy', '--dry-run', '--minify', '--outdir', DRY_RUN),
  step('conformance tests', 'vitest', 'run', '--project', 'conformance'),
]

const wanted = process.argv[2]
const chosen = STEPS.filter(({ name }) => wanted === undefined || name.startsWith(wanted))
if (chosen.length === 0) {
  console.error(
    `No step begins with "${wanted}". Steps: ${STEPS.map(({ name }) => name).join(', ')}`,
  )
  process.exit(1)
}

/** @returns what went wrong. A step that hangs is ended with all that it started. */
async function run({ command, args }: Step): Promise<string | undefined> {
  const child = spawn(join(ROOT, 'node_modules/.bin', command), args, {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, WRANGLER_SEND_METRICS: 'false', CLOUDFLARE_CF_FETCH_ENABLED: 'false' },
    detached: true, // a process group of its own
  })
  if (child.pid === undefined) return String((await once(child, 'error'))[0])
  const group = -child.pid
  const forward = (signal: NodeJS.Signals) => process.kill(group, signal)
  for (const signal of SIGNALS) process.on(signal, forward)
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    process.kill(group, 'SIGKILL')
  }, LONGEST_STEP_MS)
  const [status, signal] = await once(child, 'exit')
  clearTimeout(timer)
  for (const signal of SIGNALS) process.off(signal, forward)
  if (isLate) return `no end within ${LONGEST_STEP_MS / 60_000} minutes`
  return status === 0 ? undefined : (signal ?? `exit code ${status}`)
}

readVariables() // The dry run and the workerd tests read .dev.vars: make it when it is missing.
for (const step of chosen) {
  const started = Date.now()
  console.log(`\n▸ ${step.name}`)
  const failure = await run(step)
  if (failure !== undefined) {
    console.error(`\nFAILED: ${step.name} (${failure})`)
    process.exit(1)
  }
  console.log(`  ${((Date.now() - started) / 1000).toFixed(1)} s`)
}
rmSync(join(ROOT, DRY_RUN), { recursive: true, force: true })
console.log('\nAll steps passed.')
