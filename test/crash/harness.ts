import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seedRandom } from '../support/random.ts'
import { type Book, type Finding, openBook } from './book.ts'
import { checkAfterCrash, checkWholeHistory } from './check.ts'
import { type Life, runClients } from './load.ts'
import { layOutRouter } from './router.ts'

/** The coordinators that can be put to the test: the shipped one and two that are wrong on purpose. */
export const COORDINATORS = {
  real: undefined,
  'ack-first': 'test/crash/wrong/ack-first.ts',
  'await-between': 'test/crash/wrong/await-between.ts',
} as const
export type CoordinatorName = keyof typeof COORDINATORS

export interface CrashPlan {
  readonly coordinator: CoordinatorName
  readonly kills: number
  readonly seed: number
  /** Ends after the first life with a finding of that kind. */
  readonly stopsAt?: Finding['kind']
  /** No further life begins after that time. */
  readonly deadlineMs: number
  /** Progress, a line per life. */
  readonly say?: (line: string) => void
}

export interface CrashReport {
  readonly kills: number
  readonly acknowledged: number
  /** Publishes without an answer, sent again after the crash. */
  readonly unknown: number
  /** Those of them that had been stored before the crash. */
  readonly storedUnknown: number
  readonly reads: number
  readonly revisions: number
  readonly findings: readonly Finding[]
}

const EARLIEST_KILL_MS = 200
const LATEST_KILL_MS = 900

/** Lives, each ended by kill -9 at a random moment under load, and a comparison after each. */
export async function runCrashTest(plan: CrashPlan): Promise<CrashReport> {
  const directory = mkdtempSync(join(tmpdir(), 'cellway-crash-'))
  const router = await layOutRouter(directory, COORDINATORS[plan.coordinator])
  const book = openBook()
  const random = seedRandom(plan.seed)
  const counts = { kills: 0, unknown: 0, reads: 0 }
  const end = Date.now() + plan.deadlineMs
  try {
    await router.start()
    while (counts.kills < plan.kills && Date.now() < end) {
      const life: Life = { router, book, number: counts.kills + 1, random, isOver: false }
      const aliveMs = EARLIEST_KILL_MS + random() * (LATEST_KILL_MS - EARLIEST_KILL_MS)
      await liveAndDie(life, aliveMs)
      counts.kills++
      counts.reads += book.reads.length
      counts.unknown += countUnknown(book)
      await router.start()
      await checkAfterCrash(router, book, life.number)
      const findings = book.findings.length
      plan.say?.(
        `kill ${counts.kills} of ${plan.kills} after ${aliveMs.toFixed(0)} ms: ` +
          `revision ${book.newest}, ${countAcknowledged(book)} acknowledged, ${findings} findings`,
      )
      if (book.findings.some(({ kind }) => kind === plan.stopsAt)) break
    }
    await checkWholeHistory(router, book, counts.kills)
  } finally {
    await router.kill()
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
  }
  const { newest: revisions, storedUnknown, findings } = book
  return { ...counts, acknowledged: countAcknowledged(book), storedUnknown, revisions, findings }
}

async function liveAndDie(life: Life, aliveMs: number): Promise<void> {
  const clients = runClients(life)
  await new Promise((resolve) => setTimeout(resolve, aliveMs))
  life.isOver = true
  await life.router.kill()
  await clients
}

const countUnknown = (book: Book): number => countOutcomes(book, 'unknown')
const countAcknowledged = (book: Book): number => countOutcomes(book, 'acked')

function countOutcomes(book: Book, kind: string): number {
  let count = 0
  for (const { outcome } of book.attempts.values()) if (outcome.kind === kind) count++
  return count
}
