import { DurableObject } from 'cloudflare:workers'
import {
  advance,
  type Breaker,
  clearOverride,
  noteReport,
  override,
  readDeadline,
  startBreaker,
} from '../shared/breaker/machine.ts'
import { acquirePermit, settleProbe } from '../shared/breaker/probes.ts'
import { noteArrival, readShare, startRate } from '../shared/breaker/report-rate.ts'
import { readBreakerSettings } from '../shared/breaker/settings.ts'
import { type BreakerState, startState } from '../shared/breaker/state.ts'
import { type BreakerView, readView } from '../shared/breaker/view.ts'
import { sumSince } from '../shared/breaker/window.ts'
import type { Problem } from '../shared/problem/problem.ts'
import { fail, type Result, succeed } from '../shared/result.ts'
import type {
  BreakerApi,
  BreakerConfig,
  BreakerReply,
  BreakerReport,
  BreakerStatus,
  GrantedPermit,
  OverrideRequest,
} from '../shared/rpc/breaker.ts'
import { isBreakerReport } from '../shared/rpc/breaker-report.ts'
import { log } from './log.ts'

/**
 * The breaker of one published placement: load, run the machine, store. No request ever waits for
 * it. Counts live in memory, so an eviction costs a window; what is stored has absolute deadlines,
 * and is written only when the state changes. An object that was never configured stores nothing.
 */
export class CircuitBreaker extends DurableObject<Env> implements BreakerApi {
  #config: BreakerConfig | undefined
  #breaker: Breaker | undefined
  #rate = startRate
  #armedFor: number | null = null

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    const kept = ctx.storage.kv.get<Kept>(KEY)
    if (kept === undefined) return
    if (kept.schema > SCHEMA)
      throw new Error(
        `the storage has schema ${kept.schema} and this code knows up to ${SCHEMA}: deploy the newer code again`,
      )
    this.#start(kept.config, kept.state)
  }

  configure(config: BreakerConfig): void {
    const now = Date.now()
    if (this.#config !== undefined && config.revision <= this.#config.revision) return
    const state = this.#breaker?.state ?? startState(now, now)
    if (this.#breaker === undefined) this.#start(config, state)
    else this.#breaker.settings = readBreakerSettings(config.circuitBreaker)
    this.#config = config
    this.#store(state)
    this.#arm()
  }

  /** Removes everything, the alarm included; what comes later finds an object that was never there. */
  async retire(revision: number): Promise<void> {
    if (this.#config !== undefined && revision <= this.#config.revision) return
    this.#config = undefined
    this.#breaker = undefined
    this.#armedFor = null
    await this.ctx.storage.deleteAlarm()
    await this.ctx.storage.deleteAll()
  }

  report(report: BreakerReport): Result<BreakerReply, Problem> {
    return this.#act((breaker, now) => {
      if (!isBreakerReport(report)) return fail(MALFORMED)
      this.#rate = noteArrival(this.#rate, now)
      for (const { permit, outcome } of report.probes) settleProbe(breaker, permit, outcome, now)
      noteReport(breaker, report, now)
      const permit = report.wantsPermit ? grant(breaker, report.reporter, now) : null
      return succeed({ view: readView(breaker, now), permit, share: readShare(this.#rate) })
    })
  }

  view(): Result<BreakerView, Problem> {
    return this.#act((breaker, now) => succeed(readView(breaker, now)))
  }

  override({ mode, ttlMs, owner, reason }: OverrideRequest): Result<BreakerView, Problem> {
    return this.#act((breaker, now) => {
      if (!(ttlMs >= SHORTEST_OVERRIDE_MS && ttlMs <= LONGEST_OVERRIDE_MS))
        return fail({ code: 'invalid_override', detail: 'ttl must be from 1s to 24h' })
      override(breaker, { mode, until: now + ttlMs, owner, reason }, now)
      return succeed(readView(breaker, now))
    })
  }

  clearOverride(): Result<BreakerView, Problem> {
    return this.#act((breaker, now) => {
      clearOverride(breaker, now)
      return succeed(readView(breaker, now))
    })
  }

  status(): Result<BreakerStatus, Problem> {
    return this.#act((breaker, now) => {
      const view = readView(breaker, now)
      return succeed(printStatus(breaker, view, this.#config, now))
    })
  }

  /** Time alone: what it brings about is stored and logged though nobody reports. */
  override async alarm(): Promise<void> {
    this.#armedFor = null
    this.#act(() => succeed(undefined))
  }

  #start(config: BreakerConfig, state: BreakerState): void {
    this.#config = config
    const settings = readBreakerSettings(config.circuitBreaker)
    this.#breaker = startBreaker(settings, state, () => Math.random())
  }

  /** Brings the machine to this moment, does the work, and keeps what changed. */
  #act<T>(work: (breaker: Breaker, now: number) => Result<T, Problem>): Result<T, Problem> {
    const breaker = this.#breaker
    if (breaker === undefined) return fail({ code: 'placement_not_found' })
    const now = Date.now()
    const before = breaker.state
    advance(breaker, now)
    this.#logTransition(before, breaker)
    const advanced = breaker.state
    const counts = sumSince(breaker.evidence.window.buckets, now, Number.POSITIVE_INFINITY)
    const result = work(breaker, now)
    this.#logTransition(advanced, breaker, counts)
    if (breaker.state !== before) this.#store(breaker.state)
    this.#arm()
    return result
  }

  #store(state: BreakerState): void {
    if (this.#config === undefined) return
    const kept: Kept = { schema: SCHEMA, config: this.#config, state }
    this.ctx.storage.kv.put(KEY, kept)
  }

  #arm(): void {
    if (this.#breaker === undefined) return
    const deadline = readDeadline(this.#breaker.state, this.#breaker.settings)
    if (deadline === this.#armedFor) return
    this.#armedFor = deadline
    // Not awaited: the output gate holds every answer until it is durable.
    if (deadline === null) void this.ctx.storage.deleteAlarm()
    else void this.ctx.storage.setAlarm(deadline)
  }

  #logTransition(
    before: BreakerState,
    { state }: Breaker,
    counts?: { calls: number; failed: number },
  ): void {
    const from = nameState(before)
    const to = nameState(state)
    if (from === to && before.generation === state.generation) return
    const { reason, generation, openings } = state
    const { placement } = this.#config ?? {}
    const seen = counts && { calls: counts.calls, failed: counts.failed }
    log('transition', { placement, from, to, reason, generation, openings, ...seen })
  }
}

interface Kept {
  readonly schema: number
  readonly config: BreakerConfig
  readonly state: BreakerState
}

const KEY = 'breaker'
const SCHEMA = 1
const SHORTEST_OVERRIDE_MS = 1_000
const LONGEST_OVERRIDE_MS = 24 * 60 * 60 * 1_000

const MALFORMED: Problem = { code: 'invalid_request', detail: 'The report is malformed' }

const nameState = ({ override: forced, phase }: BreakerState): string => forced?.mode ?? phase

function grant(breaker: Breaker, reporter: string, now: number): GrantedPermit | null {
  const permit = acquirePermit(breaker, reporter, now)
  if (permit === undefined) return null
  const { generation } = breaker.state
  return { id: permit.id, generation, leftMs: permit.expiresAt - now }
}

function printStatus(
  { state, evidence }: Breaker,
  view: BreakerView,
  config: BreakerConfig | undefined,
  now: number,
): BreakerStatus {
  const { buckets } = evidence.window
  const { calls, failed } = sumSince(buckets, now, Number.POSITIVE_INFINITY)
  const reporters = new Set(buckets.flatMap((bucket) => [...bucket.reporters.all])).size
  const { override: forced, phase, reason, since, openUntil } = state
  return {
    placement: config?.placement ?? '',
    revision: config?.revision ?? 0,
    view,
    state: view.phase,
    reason,
    since: printTime(since),
    nextProbeAt: forced === null && phase === 'open' ? printTime(openUntil) : null,
    override: forced && { ...forced, until: printTime(forced.until) },
    recent: { calls, failed, reporters },
  }
}

const printTime = (at: number): string => new Date(at).toISOString()
