import { reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import type { BreakerView } from '../../../shared/breaker/view.ts'
import { openSnapshot } from '../../../shared/config/snapshot.ts'
import type { BreakerApi } from '../../../shared/rpc/breaker.ts'
import { READ_TOKEN, readJson, startAdmin } from '../../support/admin.ts'
import { coordinator, must, mustPublish } from '../../support/coordinator.ts'

const DOCUMENT = {
  schema: 1,
  routingTable: { visa: 'visa/eu' },
  defaultPlacement: 'tier1',
  placements: {
    tier1: { kind: 'tier', endpoints: ['https://tier1.example.com'] },
    'visa/eu': { endpoints: ['https://visa.example.com'], fallback: ['tier1'] },
  },
}
const VISA = '/admin/placements/visa%2Feu'

const breaker = (placement: string): BreakerApi => env.BREAKER.getByName(placement)

/** As the coordinator's alarm does it. */
async function configure(placement: string): Promise<void> {
  const compiled = must(await coordinator().compiled(1))
  const bytes = await new Response(compiled.body as ReadableStream).bytes()
  const found = must(openSnapshot(bytes)).placements.find(({ name }) => name === placement)
  if (found === undefined) throw new Error('not published')
  const { circuitBreaker, healthCheck, endpoints, timeouts } = found
  await breaker(placement).configure({
    placement,
    revision: 1,
    circuitBreaker,
    healthCheck,
    endpoints,
    headersMs: timeouts.headersMs,
  })
}

const applied: [string, BreakerView][] = []
const { ask } = startAdmin({ afterOverride: (placement, view) => applied.push([placement, view]) })

const force = (body: unknown, path = `${VISA}/breaker`) =>
  ask(path, { method: 'POST', body: JSON.stringify(body), headers: { 'x-author': 'mia' } })

beforeEach(async () => {
  await reset()
  applied.length = 0
  await mustPublish(JSON.stringify(DOCUMENT))
  await configure('visa/eu')
})

describe('the pages of placements', () => {
  it('lists what is published, without a call to any object', async () => {
    const { placements } = await readJson(await ask('/admin/placements', { token: READ_TOKEN }))
    expect(placements).toMatchObject([
      {
        name: 'tier1',
        kind: 'tier',
        isDefault: true,
        fallbacks: [],
        circuitState: 'closed',
        availability: 'available',
      },
      { name: 'visa/eu', kind: 'dedicated', isDefault: false, fallbacks: ['tier1'] },
    ])
  })

  it('tells the state of one, and of one whose object has not heard of it yet', async () => {
    expect(await readJson(await ask(VISA))).toMatchObject({
      name: 'visa/eu',
      breaker: { state: 'closed', reason: null, override: null, recent: { calls: 0 } },
    })
    expect(await readJson(await ask('/admin/placements/tier1'))).toMatchObject({ breaker: null })
  })

  it('answers 404 for a name that is not published, and touches no object', async () => {
    for (const path of ['/admin/placements/nobody', '/admin/placements/visa']) {
      const answer = await ask(path)
      expect([answer.status, (await readJson(answer))['code']]).toEqual([
        404,
        'placement_not_found',
      ])
    }
    expect(
      (await force({ state: 'open', ttl: '1m' }, '/admin/placements/nobody/breaker')).status,
    ).toBe(404)
  })
})

describe('forcing a breaker', () => {
  it('D47 open for a time, told to this isolate at once, and taken back', async () => {
    const forced = await force({ state: 'open', ttl: '10m', reason: 'a drill' })
    expect(forced.status).toBe(200)
    expect(await readJson(forced)).toMatchObject({
      breaker: {
        state: 'open',
        override: { mode: 'forced_open', owner: 'admin (mia)', reason: 'a drill' },
      },
    })
    expect(applied).toMatchObject([['visa/eu', { phase: 'open', isForced: true }]])
    expect(await readJson(await force({ state: 'auto' }))).toMatchObject({
      breaker: { state: 'half_open', override: null },
    })
    expect(applied[1]).toMatchObject(['visa/eu', { phase: 'half_open', isForced: false }])
  })

  it.each([
    [{ state: 'open' }, '"ttl" is missing'],
    [{ state: 'closed', ttl: 600 }, '"ttl" is missing'],
    [{ state: 'open', ttl: 'soon' }, '"ttl" is not a duration'],
    [{ state: 'open', ttl: '25h' }, 'ttl must be from 1s to 24h'],
    [{ state: 'ajar', ttl: '1m' }, '"state" must be'],
    [{ state: 'open', ttl: '1m', reason: 7 }, '"reason" must be text'],
    [{}, '"state" must be'],
  ])('is refused: %j', async (body, detail) => {
    const refused = await force(body)
    const problem = await readJson(refused)
    expect([refused.status, problem['code']]).toEqual([422, 'invalid_override'])
    expect(problem['detail']).toContain(detail)
    expect(applied).toEqual([])
    expect(await readJson(await ask(VISA))).toMatchObject({ breaker: { override: null } })
  })

  it('needs the admin token', async () => {
    const answer = await ask(`${VISA}/breaker`, { method: 'POST', token: READ_TOKEN, body: '{}' })
    expect(answer.status).toBe(403)
  })
})

describe('draining', () => {
  const drain = (path = VISA, init: Parameters<typeof ask>[1] = {}) =>
    ask(`${path}/drain`, { method: 'POST', ...init })

  it('is told to this isolate at once, and taken back', async () => {
    const drained = await drain()
    expect(drained.status).toBe(200)
    expect(await readJson(drained)).toMatchObject({ breaker: { isDraining: true } })
    expect(applied.at(-1)).toMatchObject(['visa/eu', { isDraining: true }])
    const back = await ask(`${VISA}/drain`, { method: 'DELETE' })
    expect(await readJson(back)).toMatchObject({ breaker: { isDraining: false } })
    expect(applied.at(-1)).toMatchObject(['visa/eu', { isDraining: false }])
  })

  it('the last one that could answer needs force', async () => {
    await configure('tier1')
    const TIER1 = '/admin/placements/tier1'
    const refused = await drain(TIER1)
    expect([refused.status, (await readJson(refused))['code']]).toEqual([
      409,
      'last_available_placement',
    ])
    expect((await ask(`${TIER1}/drain?force=true`, { method: 'POST' })).status).toBe(200)
    // Now visa has no substitute either.
    expect((await drain()).status).toBe(409)
    expect((await drain(VISA, { body: '{"force": true}' })).status).toBe(200)
  })

  it('a fallback that is forced open is no substitute', async () => {
    await configure('tier1')
    await force({ state: 'open', ttl: '1m', reason: '' }, '/admin/placements/tier1/breaker')
    expect((await drain()).status).toBe(409)
  })

  it('needs the write token, a published name, and a body that makes sense', async () => {
    expect((await drain(VISA, { token: READ_TOKEN })).status).toBe(403)
    expect((await drain('/admin/placements/nobody')).status).toBe(404)
    expect((await drain(VISA, { body: '{"force": "yes"}' })).status).toBe(400)
    const put = await ask(`${VISA}/drain`, { method: 'PUT' })
    expect([put.status, put.headers.get('allow')]).toEqual([405, 'POST, DELETE'])
  })
})
