/** Wrong on purpose: acknowledges a publish first and writes it a little later. */
import type { DurableObject } from 'cloudflare:workers'
import { ConfigCoordinator as RealCoordinator } from '../../../durable-objects/config-coordinator.ts'
import { printEtag } from '../../../shared/config/etag.ts'
import type { CoordinatorApi } from '../../../shared/rpc/coordinator.ts'

const WRITE_AFTER_MS = 60

type Publish = Parameters<CoordinatorApi['publish']>[0]
type Receipt = Awaited<ReturnType<CoordinatorApi['publish']>>

const Coordinator: new (ctx: DurableObjectState, env: Env) => DurableObject<Env> & CoordinatorApi =
  RealCoordinator

export class ConfigCoordinator extends Coordinator {
  #promised = 0
  #written: Promise<unknown> = Promise.resolve()

  override async publish(request: Publish): Promise<Receipt> {
    const verdict = await super.publish({ ...request, dryRun: true })
    if (!verdict.ok || request.dryRun) return verdict
    const { dryRun: _, ...body } = verdict.value.body
    const revision = Math.max(this.#promised + 1, body.revision)
    this.#promised = revision
    this.#written = this.#written
      .then(() => scheduler.wait(WRITE_AFTER_MS))
      .then(() => super.publish(request))
    this.ctx.waitUntil(this.#written)
    const promised = { ...body, revision, parent: revision === 1 ? null : revision - 1 }
    const etag = printEtag(promised)
    return { ok: true, value: { status: 201, body: { ...promised, etag } } }
  }
}

export default {} satisfies ExportedHandler
