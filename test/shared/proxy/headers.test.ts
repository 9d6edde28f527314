import { describe, expect, it } from 'vitest'
import {
  appendForwardedFor,
  appendVia,
  isDroppedFromRequest,
  isForgeableAddress,
  isForwardedTrail,
  isLooping,
  isSaneRequestId,
  listNominated,
  surveyNames,
} from '../../../shared/proxy/headers.ts'

describe('request fields', () => {
  it.each([
    'connection',
    'keep-alive',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
    'expect',
    'proxy-authorization',
    'proxy-connection',
    'proxy-status',
    'x-routed-to',
    'x-route-reason',
    'x-config-revision',
    'x-placement',
    'x-placement-key',
    'x-internal-a',
    'x-edge-a',
    'x-router-version',
  ])('D24 H02 H07 %s ends here', (name) => {
    expect(isDroppedFromRequest(name)).toBe(true)
  })

  it.each([
    'accept',
    'cookie',
    'authorization',
    'x-routing-key',
    'x-forwarded-for',
    'x-placements',
    'content-length',
    'x',
    'prox',
  ])('%s goes on', (name) => {
    expect(isDroppedFromRequest(name)).toBe(false)
  })

  it('H05 knows the fields that a client can forge', () => {
    expect(
      ['cf-connecting-ip', 'cf-ray', 'x-real-ip', 'true-client-ip'].every(isForgeableAddress),
    ).toBe(true)
    expect(['x-forwarded-for', 'cfx', 'accept'].some(isForgeableAddress)).toBe(false)
    expect(['x-forwarded-for', 'x-forwarded-port', 'forwarded'].every(isForwardedTrail)).toBe(true)
    expect(isForwardedTrail('x-forwarder')).toBe(false)
  })
})

describe('the survey of a request', () => {
  const names = [
    'accept',
    'cf-ray',
    'connection',
    'forwarded',
    'host',
    'proxy-x',
    'via',
    'x-edge-a',
  ]

  it('H02 H07 lists what is not forwarded, and the trail apart', () => {
    const survey = surveyNames([...names, 'x-forwarded-for', 'x-real-ip'], false)
    expect(survey.dropped).toEqual(['cf-ray', 'connection', 'proxy-x', 'x-edge-a', 'x-real-ip'])
    expect(survey.trails).toEqual(['forwarded', 'x-forwarded-for'])
  })

  it('H05 keeps the address that a trusted edge wrote', () => {
    expect(surveyNames(['cf-connecting-ip', 'true-client-ip'], true).dropped).toEqual([])
  })

  it('knows which fields of this hop are there', () => {
    const survey = surveyNames(names, false)
    expect([survey.has('connection'), survey.has('via'), survey.has('upgrade')]).toEqual([
      true,
      true,
      false,
    ])
    const all = ['connection', 'transfer-encoding', 'upgrade', 'via', 'x-request-id'] as const
    const complete = surveyNames(all, false)
    expect(all.every((name) => complete.has(name))).toBe(true)
  })
})

describe('fields that Connection names', () => {
  it.each([
    [null, []],
    ['close', []],
    ['keep-alive', []],
    ['close, X-Secret', ['close', 'x-secret']],
    ['X-Hop,,x-other ', ['x-hop', 'x-other']],
    ['X-Forwarded-For, X-Routed-To, X-Tenant, Content-Length, Host, Authorization, Cookie', []],
    ['bad name, "x"', []],
  ])('H01 H03 of %j are %j', (connection, names) => {
    expect(listNominated(connection)).toEqual(names)
  })
})

describe('the trail of hops', () => {
  it.each([
    [null, '1.2.3.4', '1.2.3.4'],
    ['', '1.2.3.4', '1.2.3.4'],
    ['9.9.9.9', '1.2.3.4', '9.9.9.9, 1.2.3.4'],
    ['9.9.9.9, 1.2.3.4', '1.2.3.4', '9.9.9.9, 1.2.3.4'],
    ['1.2.3.4', '1.2.3.4', '1.2.3.4'],
    ['11.2.3.4', '1.2.3.4', '11.2.3.4, 1.2.3.4'],
  ])('D16 H05 X-Forwarded-For %j and %s give %s', (trail, client, result) => {
    expect(appendForwardedFor(trail, client)).toBe(result)
  })

  it('H18 sees its own name the third time', () => {
    let via: string | null = '1.1 other'
    const seen = [0, 1, 2, 3].map(() => {
      const looping = isLooping(via)
      via = appendVia(via)
      return looping
    })
    expect(seen).toEqual([false, false, false, true])
    expect(isLooping(null)).toBe(false)
    expect(isLooping('1.1 cellwayx, 1.1 cellwayx, 1.1 xcellway, cellway')).toBe(false)
    expect(appendVia(null)).toBe('1.1 cellway')
    expect(appendVia('')).toBe('1.1 cellway')
  })

  it('D14 D15 keeps a request id that can harm nobody', () => {
    expect(['abc', 'a'.repeat(128), '01J-x_y.z:1'].every(isSaneRequestId)).toBe(true)
    expect(['', 'a'.repeat(129), 'a b', 'a,b', 'a\nb', 'é', '"a"'].some(isSaneRequestId)).toBe(
      false,
    )
  })
})
