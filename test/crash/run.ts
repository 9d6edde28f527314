/**
 * `npm run test:crash`: 8 publishers and 4 readers against plain workerd, killed with SIGKILL 40
 * times at random moments. Exit code 0: every promise held; 1: findings; 2: it could not run.
 *
 *   --coordinator ack-first | await-between   one that is wrong on purpose: must end with findings
 *   --kills 40   --seed <number>              the seed of a run is printed
 */
import { parseArgs } from 'node:util'
import { COORDINATORS, type CoordinatorName, type CrashReport, runCrashTest } from './harness.ts'

const DEADLINE_MS = 220_000
const HUNG_MS = 260_000
const SHOWN_FINDINGS = 20

function readOptions(): { coordinator: CoordinatorName; kills: number; seed: number } {
  const { values } = parseArgs({
    options: {
      coordinator: { type: 'string', default: 'real' },
      kills: { type: 'string', default: '40' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    },
  })
  const names = Object.keys(COORDINATORS) as CoordinatorName[]
  const coordinator = names.find((name) => name === values.coordinator)
  const [kills, seed] = [Number(values.kills), Number(values.seed)]
  if (coordinator === undefined || !(kills >= 1) || !Number.isInteger(seed))
    throw new TypeError(`--coordinator ${names.join(' | ')} --kills <1 or more> --seed <integer>`)
  return { coordinator, kills, seed }
}

function printVerdict(report: CrashReport, wanted: number): boolean {
  const { kills, acknowledged, unknown, storedUnknown, reads, revisions, findings } = report
  console.log(
    `\n${kills} kills, ${revisions} revisions: ${acknowledged} publishes acknowledged, ` +
      `${unknown} without an answer at first (${storedUnknown} had been stored), ${reads} reads.`,
  )
  const kinds = new Map<string, number>()
  for (const { kind } of findings) kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
  for (const { kind, life, detail } of findings.slice(0, SHOWN_FINDINGS))
    console.log(`  ${kind} (kill ${life}): ${detail}`)
  for (const [kind, count] of kinds) console.log(`${count} × ${kind}`)
  if (findings.length > 0) console.log('VERDICT: FAILED')
  else if (kills < wanted) console.log(`VERDICT: INCOMPLETE, ${wanted} kills were wanted`)
  else console.log('VERDICT: PASSED. 0 acknowledged publishes lost, 0 torn, 0 backward reads.')
  return findings.length === 0 && kills === wanted
}

const options = readOptions()
console.log(`Crash test of the ${options.coordinator} coordinator, --seed ${options.seed}`)
const watchdog = setTimeout(() => {
  console.error('VERDICT: HUNG. A client or a check never came back.')
  process.exit(2)
}, HUNG_MS)
try {
  const report = await runCrashTest({ ...options, deadlineMs: DEADLINE_MS, say: console.log })
  process.exitCode = printVerdict(report, options.kills) ? 0 : 1
} catch (error) {
  console.error(error)
  process.exitCode = 2
} finally {
  clearTimeout(watchdog)
}
