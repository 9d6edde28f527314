/** The breaker object with a gate: the real class, which asks the control server before any call. */
import type { DurableObject } from 'cloudflare:workers'
import { CircuitBreaker as RealBreaker } from '../../../durable-objects/circuit-breaker.ts'
import type { BreakerApi, BreakerConfig, BreakerReport } from '../../../shared/rpc/breaker.ts'
import type { Order } from './orders.ts'

type Report = ReturnType<BreakerApi['report']>

/** The real class as its contract says it: each method may take its time. */
const Breaker: new (ctx: DurableObjectState, env: Env) => DurableObject<Env> & BreakerApi =
  RealBreaker

export class CircuitBreaker extends Breaker {
  readonly #control: string

  constructor(ctx: DurableObjectState, env: Env & { readonly STAND_IN_CONTROL: string }) {
    super(ctx, env)
    this.#control = env.STAND_IN_CONTROL
  }

  override async report(report: BreakerReport): Promise<Awaited<Report>> {
    await this.#ask()
    return await super.report(report)
  }

  override async configure(config: BreakerConfig): Promise<void> {
    await this.#ask()
    await super.configure(config)
  }

  async #ask(): Promise<void> {
    const response = await fetch(`${this.#control}/?gate=breaker`)
    const order: Order = await response.json()
    if (order.act === 'throw') throw new Error('the stand-in was told to throw')
  }
}

export default {
  fetch: () => new Response('the stand-in breaker has no HTTP interface', { status: 404 }),
} satisfies ExportedHandler
