import {
  evictDurableObject,
  reset,
  runDurableObjectAlarm,
  runInDurableObject,
} from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { BreakerApi, BreakerConfig } from '../../shared/rpc/breaker.ts'
import { coordinator, mustPublish } from '../support/coordinator.ts'

// Far ahead: an alarm that is due by the real clock fires by itself.
const START = Date.UTC(2100, 0, 1)

function printDocument(placements: Readonly<Record<string, object>>): string {
  const complete = Object.entries(placements).map(([name, changes]) => [
    name,
    { endpoints: ['https://cell.example.com'], ...changes },
  ])
  const defaultPlacement = Object.keys(placements)[0]
  return JSON.stringify({
    schema: 1,
    routingTable: {},
    defaultPlacement,
    placements: Object.fromEntries(complete),
  })
}

let now = START

/** Publishes, and lets the alarm do what it has to. */
async function publish(placements: Readonly<Record<string, object>>): Promise<void> {
  await mustPublish(printDocument(placements))
  await runAlarm()
}

async function runAlarm(): Promise<void> {
  now += 2_000
  vi.setSystemTime(now)
  await runDurableObjectAlarm(coordinator())
}

/** The revision that the breaker object of a placement was configured by; null: never, or retired. */
const configuredBy = async (placement: string): Promise<number | null> => {
  const object: BreakerApi = env.BREAKER.getByName(placement)
  const status = await object.status()
  return status.ok ? status.value.revision : null
}

beforeEach(async () => {
  await reset()
  now = START
  vi.useFakeTimers({ toFake: ['Date'], now })
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

describe('the breaker objects of placements', () => {
  it('are configured for what is published, again for what changes, and retired with it', async () => {
    await publish({ a: {}, b: {}, c: {} })
    expect([await configuredBy('a'), await configuredBy('b'), await configuredBy('c')]).toEqual([
      1, 1, 1,
    ])
    await publish({ a: {}, b: { circuitBreaker: { consecutiveFailures: 9 } }, d: {} })
    expect(await Promise.all(['a', 'b', 'c', 'd'].map(configuredBy))).toEqual([1, 2, null, 2])
    await publish({ c: {}, a: { fallback: ['c'] } })
    expect(await Promise.all(['a', 'b', 'c', 'd'].map(configuredBy))).toEqual([1, null, 3, null])
  })

  it('are told by the alarm: the acknowledgement does not wait for them', async () => {
    await mustPublish(printDocument({ a: {} }))
    expect(await configuredBy('a')).toBeNull()
    await evictDurableObject(coordinator())
    await runAlarm()
    expect(await configuredBy('a')).toBe(1)
  })

  it('are told again when one could not be reached, and the others need not wait for it', async () => {
    const told: string[] = []
    let isAway = true
    await runInDurableObject(coordinator(), (object) => {
      const { BREAKER } = Reflect.get(object, 'env') as Env
      vi.spyOn(BREAKER, 'getByName').mockImplementation(((name: string) => ({
        configure: async (config: BreakerConfig) => {
          if (name === 'b' && isAway) throw new Error('away')
          told.push(`${name} ${config.revision}`)
        },
      })) as never)
    })
    await publish({ a: {}, b: {}, c: {} })
    expect(told).toEqual(['a 1', 'c 1'])
    isAway = false
    await runAlarm()
    expect(told).toEqual(['a 1', 'c 1', 'b 1'])
  })

  it('two hundred of them hear of one publish, and none of the next that changes nothing for them', async () => {
    const placements = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`p${i}`, {}]))
    await publish(placements)
    expect(await configuredBy('p199')).toBe(1)
    await publish({ ...placements, p7: { concurrencyLimit: 5 } })
    expect(await configuredBy('p7')).toBe(1)
  })
})
