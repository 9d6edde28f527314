import { afterAll, beforeAll, expect } from 'vitest'
import { type Fixture, startFixture } from './fixture.ts'
import { type Answer, send } from './http.ts'
import { startTarget, type Target, type TargetKind, type TargetOptions } from './targets.ts'

/** What the conformance files share: a target and four cells per describe block, and problems. */
export interface Bench {
  readonly target: Target
  readonly fixture: Fixture
}

/**
 * A target and cells for the tests of a describe block; `prepare` publishes what they need. The
 * target serves every block of this process, one after the other; its watchdog ends it with the
 * process. With `options`, `{}` included, the block gets a target of its own.
 */
export function useBench(
  kind: TargetKind,
  prepare: (bench: Bench) => Promise<unknown> = async () => undefined,
  options?: TargetOptions,
): Bench {
  let target: Target | undefined
  let fixture: Fixture | undefined
  const bench: Bench = {
    get target() {
      if (target === undefined) throw new Error('the target has not started')
      return target
    },
    get fixture() {
      if (fixture === undefined) throw new Error('the cells have not started')
      return fixture
    },
  }
  beforeAll(async () => {
    fixture = await startFixture()
    target = await (options === undefined ? shareTarget(kind) : startTarget(kind, options))
    await prepare(bench)
  })
  afterAll(async () => {
    if (options !== undefined) await target?.stop()
    await fixture?.close()
  })
  return bench
}

const running = new Map<TargetKind, Promise<Target>>()

async function shareTarget(kind: TargetKind): Promise<Target> {
  const known = await running.get(kind)?.catch(() => undefined)
  if (known !== undefined && (await isServing(known))) return known
  const starting = startTarget(kind)
  running.set(kind, starting)
  return await starting
}

const isServing = (target: Target): Promise<boolean> =>
  send(target, { path: '/health' }).then(
    ({ status }) => status === 200,
    () => false,
  )

export interface ExpectedProblem {
  readonly status: number
  readonly code: string
  /** A part of the detail. */
  readonly detail?: string
  /** Of the refused decision; without it only the form of the header is checked. */
  readonly revision?: number
}

/** An answer that the router made itself: RFC 9457 body, RFC 9209 header, and nothing leaked. */
export function expectProblem(answer: Answer, expected: ExpectedProblem): void {
  expect({ status: answer.status, text: answer.text }).toMatchObject({ status: expected.status })
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
  expect(answer.headers['cache-control']).toBe('no-store')
  const problem = answer.json()
  expect(problem).toMatchObject({
    type: `/problems/${expected.code}`,
    title: expect.stringMatching(/./),
    status: expected.status,
    detail: expect.stringContaining(expected.detail ?? ''),
    code: expected.code,
  })
  expect(problem['instance']).toMatch(/^[0-9a-f]{32}$/)
  expect(answer.headers['x-request-id']).toBe(problem['instance'])
  expect(answer.headers['x-config-revision']).toMatch(/^\d+$/)
  if (expected.revision !== undefined)
    expect(answer.headers['x-config-revision']).toBe(String(expected.revision))
  expect(answer.headers['proxy-status']).toMatch(/^cellway; ?error=[a-z_]+/)
  const shown = `${answer.text}${JSON.stringify(answer.rawHeaders)}`
  expect(shown).not.toMatch(/127\.0\.0\.1:\d|\.[jt]s:\d/)
}
