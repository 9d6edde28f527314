import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import { type Fixture, startFixture } from '../fixture.ts'
import { startTarget, TARGET_KINDS, type Target, type TargetKind } from '../targets.ts'
import { type Control, startControl } from './control.ts'

export interface StoodIn {
  readonly target: Target
  readonly fixture: Fixture
  readonly control: Control
}

/** What a test does with one of the targets; it runs on all of them at once. */
export type OnEach = (work: (one: StoodIn) => Promise<void>) => Promise<void>

/**
 * Both targets with stand-in coordinators, side by side: the cases with faults mostly wait for
 * intervals to pass, so they do that together.
 */
export function useStandIns(): OnEach {
  const started: { kind: TargetKind; one: StoodIn }[] = []
  beforeAll(async () => {
    const starting = TARGET_KINDS.map(async (kind) => {
      const [control, fixture] = await Promise.all([startControl(), startFixture()])
      const vars = { STAND_IN_CONTROL: control.url }
      const target = await startTarget(kind, { coordinator: 'stand-in', vars })
      started.push({ kind, one: { target, fixture, control } })
    })
    await Promise.all(starting)
  })
  // What a failed test left set would fail all that follow.
  beforeEach(() => {
    for (const { one } of started) one.control.reset()
  })
  afterAll(async () => {
    for (const { one } of started) {
      await one.target.stop()
      await Promise.all([one.control.close(), one.fixture.close()])
    }
  })
  return async (work) => {
    const running = started.map(async ({ kind, one }) => {
      try {
        await work(one)
      } catch (error) {
        if (error instanceof Error) error.message = `npm target ${kind}: ${error.message}`
        throw error
      }
    })
    await Promise.allSettled(running) // A failure of one must not leave the other half way.
    await Promise.all(running)
  }
}

/** The replica of a stopped target, so that its next isolate finds none. */
export function removeReplica(target: Target): void {
  removeColoCache(target)
  removeFrom(target, target.kind === 'start' ? 'v3/kv' : 'replica/snapshot')
}

/** Of `npm start` only: plain workerd has none. What is live in it comes from the coordinator. */
export function removeColoCache(target: Target): void {
  if (target.kind === 'start') removeFrom(target, 'v3/cache')
}

const removeFrom = ({ stateDirectory }: Target, place: string): void =>
  rmSync(join(stateDirectory, place), { recursive: true, force: true })
