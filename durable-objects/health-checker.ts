import {
  type CheckResult,
  countResults,
  hurryProbes,
  listFailing,
  noteHealth,
  type Streaks,
} from '../shared/breaker/health.ts'
import type { Breaker } from '../shared/breaker/machine.ts'
import type { Endpoint, HealthCheckSettings } from '../shared/config/snapshot.ts'
import type { BreakerConfig } from '../shared/rpc/breaker.ts'
import { log } from './log.ts'

/**
 * Active health checks of a placement's endpoints, driven by its object's alarm. Streaks are
 * stored, because an object with nothing else to do is evicted between two rounds.
 */
export class HealthChecker {
  readonly #env: Env
  readonly #storage: DurableObjectStorage
  #streaks: Streaks
  #nextAt = 0
  #isChecking = false
  #isDisputed = false

  constructor(env: Env, storage: DurableObjectStorage) {
    this.#env = env
    this.#storage = storage
    this.#streaks = storage.kv.get<Streaks>(KEY) ?? {}
  }

  /** When the next round is due, in ms since the epoch; null: this placement has none. */
  readDueAt({ healthCheck }: BreakerConfig, now: number): number | null {
    if (healthCheck === null) return null
    // Further ahead is nothing, unless the clock was set back.
    return this.#nextAt > now + 2 * healthCheck.intervalMs ? now : this.#nextAt
  }

  /** The endpoints are others now. */
  restart(): void {
    this.#streaks = {}
    this.#storage.kv.delete(KEY)
    this.#nextAt = 0
  }

  /** One round. Never rejects; undefined: there is nothing to go by. */
  async check({ healthCheck, endpoints }: BreakerConfig): Promise<Round | undefined> {
    if (healthCheck === null || this.#isChecking) return undefined
    this.#isChecking = true
    // Jittered, so that the checks of many placements spread.
    this.#nextAt = Date.now() + Math.round(healthCheck.intervalMs * (0.9 + Math.random() / 5))
    const of = this.#streaks
    const checks = endpoints.map(async (endpoint, index) => ({
      endpoint: index,
      isHealthy: await isHealthy(this.#env, endpoint, healthCheck),
    }))
    const results = await Promise.all(checks)
    this.#isChecking = false
    return { of, results, healthCheck }
  }

  /** What the round means for the breaker. */
  settle(breaker: Breaker, placement: string, round: Round, now: number): void {
    const { of, results, healthCheck } = round
    if (of !== this.#streaks) return // Of endpoints that are no more.
    this.#keep(countResults(of, results, healthCheck))
    const before = breaker.state.unhealthy
    const failing = listFailing(this.#streaks, before, healthCheck)
    const verdict = noteHealth(breaker, failing, now)
    if (verdict === 'disagrees' && !this.#isDisputed)
      log('health_disagrees', { placement, unhealthy: failing })
    this.#isDisputed = verdict === 'disagrees'
    if (verdict !== 'changed') return
    log('health', { placement, unhealthy: failing, endpoints: results.length })
    if (before.length === results.length && failing.length === 0) hurryProbes(breaker, now)
  }

  #keep(streaks: Streaks): void {
    if (JSON.stringify(streaks) !== JSON.stringify(this.#streaks))
      this.#storage.kv.put(KEY, streaks)
    this.#streaks = streaks
  }
}

interface Round {
  /** The streaks that it adds to. */
  readonly of: Streaks
  readonly results: readonly CheckResult[]
  readonly healthCheck: HealthCheckSettings
}

const KEY = 'health'

/** 2xx within the timeout. A redirect is none: nobody follows it for a request either. */
async function isHealthy(
  env: Env,
  endpoint: Endpoint,
  { path, timeoutMs }: HealthCheckSettings,
): Promise<boolean> {
  try {
    const init: RequestInit = {
      headers: { 'user-agent': 'cellway-health', 'cache-control': 'no-store' },
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    }
    const response = await send(env, endpoint, path, init)
    await response?.body?.cancel()
    return response?.ok === true
  } catch {
    return false
  }
}

/** undefined: this deployment has no such binding. */
async function send(
  env: Env,
  endpoint: Endpoint,
  path: string,
  init: RequestInit,
): Promise<Response | undefined> {
  if (endpoint.kind === 'url') return fetch(endpoint.base + path, init)
  const cell: unknown = endpoint.kind === 'service' ? Reflect.get(env, endpoint.binding) : undefined
  // Nobody but the bound Worker sees this host, and `.invalid` never resolves (RFC 2606).
  return isFetcher(cell) ? cell.fetch(`https://health.cellway.invalid${path}`, init) : undefined
}

const isFetcher = (bound: unknown): bound is Fetcher =>
  typeof bound === 'object' && bound !== null && 'fetch' in bound
