import { afterAll, describe, expect, it } from 'vitest'
import { publishAndWait } from '../support/api.ts'
import { expectProblem, useBench } from '../support/conformance.ts'
import { type Answer, send } from '../support/http.ts'
import { TARGET_KINDS } from '../support/targets.ts'

const OFF = { consecutiveFailures: null, window: null }
const CELLS = ['TIER1', 'TIER2', 'VISA'] as const

/** The demo cells, which are Workers: one placement over three, and one for each, to switch it. */
describe.each(TARGET_KINDS)('a placement over three service bindings, npm target %s', (kind) => {
  const bench = useBench(kind, ({ target }) =>
    publishAndWait(target, {
      schema: 1,
      label: `endpoints ${kind}`,
      routingTable: {
        all: 'all',
        ...Object.fromEntries(CELLS.map((cell) => [cell, `only-${cell}`])),
      },
      defaultPlacement: 'all',
      placements: {
        all: {
          endpoints: CELLS.map((cell) => ({ service: `CELL_${cell}` })),
          circuitBreaker: OFF,
        },
        ...Object.fromEntries(
          CELLS.map((cell) => [
            `only-${cell}`,
            { endpoints: [{ service: `CELL_${cell}` }], circuitBreaker: OFF },
          ]),
        ),
      },
    }),
  )

  const set = async (cell: (typeof CELLS)[number], mode: string): Promise<void> => {
    const answer = await send(bench.target, { method: 'PUT', path: `/mode${mode}`, key: cell })
    expect(answer.status).toBe(200)
  }
  const get = (method = 'GET'): Promise<Answer> =>
    send(bench.target, { method, path: '/x', key: 'all' })

  afterAll(async () => {
    for (const cell of CELLS) await set(cell, '')
  })

  it('D90 round robin: thirty requests are ten each', async () => {
    const served = new Map<unknown, number>()
    for (let i = 0; i < 30; i++) {
      const name = (await get()).headers['x-cell-name']
      served.set(name, (served.get(name) ?? 0) + 1)
    }
    expect(Object.fromEntries(served)).toEqual({ tier1: 10, tier2: 10, visa: 10 })
  })

  // The development server answers in the place of a Worker that throws.
  const itThrows = it.runIf(kind === 'serve')

  itThrows(
    'D91 one that throws: a GET is answered by the next, a POST is not sent again',
    async () => {
      await set('TIER2', '?throw=1')
      const names = []
      for (let i = 0; i < 12; i++) {
        const answer = await get()
        expect(answer.status).toBe(200)
        names.push(answer.headers['x-cell-name'])
      }
      expect([...new Set(names)].sort()).toEqual(['tier1', 'visa'])
      const posts = []
      for (let i = 0; i < 6; i++) posts.push((await get('POST')).status)
      expect(posts.filter((status) => status === 502)).toHaveLength(2)
      expect(posts.filter((status) => status === 200)).toHaveLength(4)
    },
  )

  itThrows('D92 all of them throw: 503', async () => {
    for (const cell of CELLS) await set(cell, '?throw=1')
    expectProblem(await get(), { status: 503, code: 'all_endpoints_failed' })
  })
})
