import { describe, expect, it } from 'vitest'
import { callAdmin, publishAndWait } from '../support/api.ts'
import { type Bench, expectProblem, useBench } from '../support/conformance.ts'
import { type Answer, pollUntil, send } from '../support/http.ts'
import type { Handler } from '../support/origin.ts'
import { TARGET_KINDS } from '../support/targets.ts'

/** A name of its own per test: what is known of a placement belongs to its name. */
let lastNumber = 0

interface Case {
  readonly name: string
  get(): Promise<Answer>
  /** Asks until the placement that answers is that one. */
  waitUntilAnsweredBy(placement: string, reason: string | undefined): Promise<Answer>
}

/**
 * Asks now and then: many answers that are well outweigh checks that say otherwise.
 */
async function askSlowly(ask: () => Promise<Answer>): Promise<Answer> {
  await new Promise((resolve) => setTimeout(resolve, 250))
  return ask()
}

/** `key` leads to visa, checked every 100 ms, then to tier2; the default placement is tier3. */
async function prepare(bench: Bench, changes: Record<string, unknown> = {}): Promise<Case> {
  const name = `health-${process.pid}-${++lastNumber}`
  const { visa, tier2, tier3 } = bench.fixture.cells
  const check = { path: `/health/${name}`, interval: '100ms', timeout: '100ms' }
  await publishAndWait(bench.target, {
    version: name,
    routingTable: { [name]: name },
    placements: {
      [name]: { url: visa.url, fallback: `${name}-next`, health_check: check, ...changes },
      [`${name}-next`]: { url: tier2.url },
      [`${name}-rest`]: {
        url: tier3.url,
        health_check: { ...check, path: `/health/${name}-rest` },
      },
    },
    defaultPlacement: `${name}-rest`,
  })
  const get = () => send(bench.target, { path: '/x', key: name })
  return {
    name,
    get,
    waitUntilAnsweredBy: (placement, reason) =>
      pollUntil(
        () => askSlowly(get),
        ({ status, headers }) =>
          status === 200 &&
          headers['x-routed-to'] === placement &&
          headers['x-failover-reason'] === reason,
      ),
  }
}

const respond =
  (status: number): Handler =>
  (_, response) => {
    response.writeHead(status, status === 301 ? { location: '/elsewhere' } : {}).end()
  }

describe.each(TARGET_KINDS)('active health checks, npm target %s', (kind) => {
  const bench = useBench(kind)
  const answerCheck = (cell: 'visa' | 'tier3', name: string, status: number) =>
    bench.fixture.cells[cell].answer(`/health/${name}`, respond(status))

  it('D49 D51 a cell that fails its checks is left alone until it passes them', async () => {
    const one = await prepare(bench)
    expect((await one.get()).headers['x-routed-to']).toBe(one.name)
    answerCheck('visa', one.name, 500)
    const answer = await one.waitUntilAnsweredBy(`${one.name}-next`, 'upstream_unhealthy')
    expect(answer.headers['x-route-reason']).toBe('dedicated')
    answerCheck('visa', one.name, 204)
    await one.waitUntilAnsweredBy(one.name, undefined)
  })

  it('D50 a redirect is no sign of health', async () => {
    const one = await prepare(bench)
    answerCheck('visa', one.name, 301)
    await one.waitUntilAnsweredBy(`${one.name}-next`, 'upstream_unhealthy')
  })

  it('D52 unhealthy, and nothing to fall back to: the default placement answers', async () => {
    const one = await prepare(bench, { fallback: '' })
    answerCheck('visa', one.name, 503)
    await one.waitUntilAnsweredBy(`${one.name}-rest`, 'upstream_unhealthy')
  })

  it('D53 the default placement is unhealthy as well: it is asked all the same, and the header tells', async () => {
    const one = await prepare(bench, { fallback: '' })
    answerCheck('visa', one.name, 503)
    answerCheck('tier3', `${one.name}-rest`, 503)
    const status = await pollUntil(
      () => callAdmin(bench.target, { path: `/admin/placements/${one.name}-rest` }),
      (answer) => /"isHealthy":false/.test(answer.text),
    )
    expect(status.json()['breaker']).toMatchObject({ health: { unhealthy: [0] } })
    await one.waitUntilAnsweredBy(`${one.name}-rest`, 'upstream_unhealthy')
    const keyed = await pollUntil(
      () => askSlowly(() => send(bench.target, { path: '/x', key: `unknown-${one.name}` })),
      ({ headers }) => headers['x-failover-reason'] === 'upstream_unhealthy',
    )
    expect([keyed.status, keyed.headers['x-routed-to']]).toEqual([200, `${one.name}-rest`])
  })

  it('checks that contradict fifty answers in ten seconds are not believed, and the log says so', async () => {
    const one = await prepare(bench)
    // Successes are reported every ten seconds.
    await pollUntil(
      async () => {
        await one.get()
        const status = await callAdmin(bench.target, { path: `/admin/placements/${one.name}` })
        return status.json()['breaker'] as { recent: { calls: number } } | null
      },
      (breaker) => (breaker?.recent.calls ?? 0) >= 50,
      20_000,
    )
    answerCheck('visa', one.name, 503)
    await pollUntil(
      async () => bench.target.output(),
      (output) => output.includes(`"event":"health_disagrees","placement":"${one.name}"`),
    )
    expect((await one.get()).headers['x-routed-to']).toBe(one.name)
  })

  it('a cell that is a Worker is checked through its binding', async () => {
    const name = `health-${process.pid}-${++lastNumber}`
    const check = (path: string) => ({
      path,
      interval: '100ms',
      timeout: '100ms',
      rise: 1,
      fall: 1,
    })
    await publishAndWait(bench.target, {
      schema: 1,
      routingTable: { [name]: name },
      defaultPlacement: `${name}-rest`,
      placements: {
        [name]: {
          endpoints: [{ service: 'CELL_VISA' }],
          healthCheck: check('/health?status=500'),
        },
        [`${name}-rest`]: {
          endpoints: [{ service: 'CELL_TIER3' }],
          healthCheck: check('/health'),
        },
      },
    })
    await pollUntil(
      () => askSlowly(() => send(bench.target, { path: '/x', key: name })),
      ({ headers }) => headers['x-routed-to'] === `${name}-rest`,
    )
    const rest = await callAdmin(bench.target, { path: `/admin/placements/${name}-rest` })
    expect(rest.json()['breaker']).toMatchObject({ health: { isHealthy: true } })
  })

  it('drained by its operator: new requests go to the fallback, and come back', async () => {
    const one = await prepare(bench)
    const drain = (method: string, name = one.name) =>
      callAdmin(bench.target, { method, path: `/admin/placements/${name}/drain` })
    await pollUntil(
      () => drain('POST'),
      ({ status }) => status === 200, // The object hears of its placement a moment after the publish.
    )
    const answer = await one.get()
    expect([answer.headers['x-routed-to'], answer.headers['x-failover-reason']]).toEqual([
      `${one.name}-next`,
      'draining',
    ])
    expectProblem(await drain('POST', `${one.name}-rest`), {
      status: 409,
      code: 'last_available_placement',
    })
    expect((await drain('DELETE')).status).toBe(200)
    await one.waitUntilAnsweredBy(one.name, undefined)
  })
})
