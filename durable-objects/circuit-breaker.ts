import { DurableObject } from 'cloudflare:workers'
import {
  advance,
  type Breaker,
  clearOverride,
  move,
  noteReport,
  override,
  readDeadline,
  startBreaker,
} from '../shared/breaker/machine.ts'
import { acquirePermit, printGrant, settleProbe } from '../shared/breaker/probes.ts'
import { noteArrival, readShare, startRate } from '../shared/breaker/report-rate.ts'
import { readBreakerSettings } from '../shared/breaker/settings.ts'
import { type BreakerState, mark, startState } from '../shared/breaker/state.ts'
import { type BreakerView, readView } from '../shared/breaker/view.ts'
import { type KeyCounts, sumSince } from '../shared/breaker/window.ts'
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
import { printStatus } from './breaker-status.ts'
import { HealthChecker } from './health-checker.ts'
import { log } from './log.ts'
import { addCounts, logTransition } from './transition-log.ts'
import { ViewTeller } from './view-teller.ts'

/**
 * The breaker of one published placement: load, run the machine, store. No request ever waits for
 * it. Counts live in memory, so an eviction costs a window; what is stored has absolute deadlines,
 * and is written only when the state changes. An object that was never configured stores nothing.
 */
export class CircuitBreaker extends DurableObject<Env> implements BreakerApi {
  /** undefined: not published. */
  #one: Configured | undefined
  #rate = startRate
  #armedFor: number | null = null
  readonly #teller = new ViewTeller(this.env, this.ctx.storage)
  readonly #checker = new HealthChecker(this.env, this.ctx.storage)

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    const kept = ctx.storage.kv.get<Kept>(KEY)
    if (kept === undefined) return
    if (kept.schema > SCHEMA)
      throw new Error(
        `the storage has schema ${kept.schema} and this code knows up to ${SCHEMA}: deploy the newer code again`,
      )
    const config = { headersMs: DEFAULT_HEADERS_MS, ...kept.config }
    this.#one = start(config, { ...startState(0, 0), ...kept.state })
  }

  configure(config: BreakerConfig): void {
    const now = Date.now()
    const before = this.#one?.config
    if (before !== undefined && config.revision <= before.revision) return
    const hasOtherEndpoints = isOther(before?.endpoints, config.endpoints)
    const hasOtherChecks = isOther(before?.healthCheck, config.healthCheck)
    if (hasOtherEndpoints || hasOtherChecks) this.#checker.restart()
    const breaker = this.#one?.breaker ?? start(config, startState(now, now)).breaker
    breaker.settings = readBreakerSettings(config.circuitBreaker, config.headersMs)
    this.#one = { config, breaker }
    this.#act(() => {
      const isStale = hasOtherEndpoints || config.healthCheck === null
      if (isStale && breaker.state.unhealthy.length > 0)
        move(breaker, mark(breaker.state, { unhealthy: [] }))
      return succeed(undefined)
    })
    this.#store()
  }

  /** Removes everything, the alarm included; what comes later finds an object that was never there. */
  async retire(revision: number): Promise<void> {
    if (this.#one !== undefined && revision <= this.#one.config.revision) return
    this.#one = undefined
    this.#armedFor = null
    await this.ctx.storage.deleteAlarm()
    await this.ctx.storage.deleteAll()
  }

  report(report: BreakerReport): Result<BreakerReply, Problem> {
    const reported = isBreakerReport(report) ? report.counts : []
    return this.#act(({ breaker }, now) => {
      if (!isBreakerReport(report)) return fail(MALFORMED)
      this.#rate = noteArrival(this.#rate, now)
      for (const { permit, outcome } of report.probes) settleProbe(breaker, permit, outcome, now)
      noteReport(breaker, report, now)
      const permit = report.wantsPermit ? grant(breaker, report.reporter, now) : null
      return succeed({ view: readView(breaker, now), permit, share: readShare(this.#rate) })
    }, reported)
  }

  view(): Result<BreakerView, Problem> {
    return this.#act(({ breaker }, now) => succeed(readView(breaker, now)))
  }

  override({ mode, ttlMs, owner, reason }: OverrideRequest): Result<BreakerView, Problem> {
    return this.#act(({ breaker }, now) => {
      if (!(ttlMs >= SHORTEST_OVERRIDE_MS && ttlMs <= LONGEST_OVERRIDE_MS))
        return fail({ code: 'invalid_override', detail: 'ttl must be from 1s to 24h' })
      override(breaker, { mode, until: now + ttlMs, owner, reason }, now)
      return succeed(readView(breaker, now))
    })
  }

  clearOverride(): Result<BreakerView, Problem> {
    return this.#act(({ breaker }, now) => {
      clearOverride(breaker, now)
      return succeed(readView(breaker, now))
    })
  }

  drain(isDraining: boolean, owner: string): Result<BreakerView, Problem> {
    return this.#act(({ breaker, config }, now) => {
      if (breaker.state.isDraining !== isDraining) {
        move(breaker, mark(breaker.state, { isDraining }))
        log(isDraining ? 'drain' : 'undrain', { placement: config.placement, owner })
      }
      return succeed(readView(breaker, now))
    })
  }

  status(): Result<BreakerStatus, Problem> {
    return this.#act(({ breaker, config }, now) => {
      const view = readView(breaker, now)
      return succeed(printStatus(breaker, view, config, now))
    })
  }

  /** Time alone: what it brings about is stored, logged and told though nobody reports. */
  override async alarm(): Promise<void> {
    this.#armedFor = null
    this.#act(({ config }, now) => {
      const checkDueAt = this.#checker.readDueAt(config, now)
      if (checkDueAt !== null && now >= checkDueAt) this.ctx.waitUntil(this.#check(config))
      return succeed(undefined)
    })
  }

  /** Brings the machine to this moment, does the work, and keeps, tells and logs what changed. */
  #act<T>(
    work: (one: Configured, now: number) => Result<T, Problem>,
    reported: readonly KeyCounts[] = [],
  ): Result<T, Problem> {
    const one = this.#one
    if (one === undefined) return fail({ code: 'placement_not_found' })
    const { breaker, config } = one
    const now = Date.now()
    const before = breaker.state
    advance(breaker, now)
    logTransition(config, before, breaker.state)
    const advanced = breaker.state
    const counts = sumSince(breaker.evidence.window.buckets, now, Number.POSITIVE_INFINITY)
    const result = work(one, now)
    logTransition(config, advanced, breaker.state, addCounts(counts, reported))
    if (breaker.state !== before) this.#store()
    this.#tell(one, now)
    this.#arm()
    return result
  }

  async #check(config: BreakerConfig): Promise<void> {
    const round = await this.#checker.check(config)
    if (round === undefined) return
    this.#act(({ breaker }, now) => {
      this.#checker.settle(breaker, config.placement, round, now)
      return succeed(undefined)
    })
  }

  #tell({ breaker, config }: Configured, now: number): void {
    const view = readView(breaker, now)
    const dueAt = this.#teller.readDueAt(view, now)
    if (dueAt === null || now < dueAt) return
    const told = this.#teller.tell(config.placement, view)
    // What changed meanwhile is told next.
    if (told !== undefined)
      this.ctx.waitUntil(told.then(() => void this.#act(() => succeed(undefined))))
  }

  #store(): void {
    if (this.#one === undefined) return
    const { config, breaker } = this.#one
    const kept: Kept = { schema: SCHEMA, config, state: breaker.state }
    this.ctx.storage.kv.put(KEY, kept)
  }

  #arm(): void {
    if (this.#one === undefined) return
    const { breaker, config } = this.#one
    const now = Date.now()
    const deadlines = [
      readDeadline(breaker.state, breaker.settings),
      this.#teller.readDueAt(readView(breaker, now), now),
      this.#checker.readDueAt(config, now),
    ].filter((at) => at !== null)
    // "At once" is 0, which the platform refuses.
    const deadline = deadlines.length === 0 ? null : Math.max(1, Math.min(...deadlines))
    if (deadline === this.#armedFor) return
    this.#armedFor = deadline
    // Not awaited: the output gate holds every answer until it is durable.
    if (deadline === null) void this.ctx.storage.deleteAlarm()
    else void this.ctx.storage.setAlarm(deadline)
  }
}

interface Configured {
  readonly config: BreakerConfig
  readonly breaker: Breaker
}

interface Kept {
  readonly schema: number
  readonly config: Omit<BreakerConfig, 'headersMs'> & { readonly headersMs?: number }
  readonly state: BreakerState
}

const KEY = 'breaker'
const SCHEMA = 1
/** Of what was stored before it was part of it. */
const DEFAULT_HEADERS_MS = 10_000
const SHORTEST_OVERRIDE_MS = 1_000
const LONGEST_OVERRIDE_MS = 24 * 60 * 60 * 1_000

const MALFORMED: Problem = { code: 'invalid_request', detail: 'The report is malformed' }

function start(config: BreakerConfig, state: BreakerState): Configured {
  const settings = readBreakerSettings(config.circuitBreaker, config.headersMs)
  return { config, breaker: startBreaker(settings, state, () => Math.random()) }
}

const isOther = (before: unknown, now: unknown): boolean =>
  JSON.stringify(before) !== JSON.stringify(now)

function grant(breaker: Breaker, reporter: string, now: number): GrantedPermit | null {
  const permit = acquirePermit(breaker, reporter, now)
  return permit === undefined ? null : printGrant(breaker, permit, now)
}
