/** Wrong on purpose: writes the row of a revision, awaits something, then writes its document. */
import type { DurableObject } from 'cloudflare:workers'
import { ConfigCoordinator as RealCoordinator } from '../../../durable-objects/config-coordinator.ts'
import type { CoordinatorApi } from '../../../shared/rpc/coordinator.ts'

const BETWEEN_MS = 5

type Publish = Parameters<CoordinatorApi['publish']>[0]
type Receipt = Awaited<ReturnType<CoordinatorApi['publish']>>
type Chunk = { owner: string; position: number; bytes: ArrayBuffer }

const Coordinator: new (ctx: DurableObjectState, env: Env) => DurableObject<Env> & CoordinatorApi =
  RealCoordinator

export class ConfigCoordinator extends Coordinator {
  override async publish(request: Publish): Promise<Receipt> {
    const receipt = await super.publish(request)
    if (!receipt.ok || receipt.value.status !== 201) return receipt
    const { sql } = this.ctx.storage
    const owner = `document/${receipt.value.body.checksum}`
    // The real class has written both at once: take the second back, and write it after the await.
    const chunks = sql.exec<Chunk>('SELECT * FROM chunks WHERE owner = ?', owner).toArray()
    sql.exec('DELETE FROM chunks WHERE owner = ?', owner)
    await scheduler.wait(BETWEEN_MS)
    for (const { position, bytes } of chunks)
      sql.exec('INSERT INTO chunks VALUES (?, ?, ?)', owner, position, bytes)
    return receipt
  }
}

export default {} satisfies ExportedHandler
