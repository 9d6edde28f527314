/**
 * The coordinator with gates: the real class, which asks the control server of a test before it
 * refreshes, and before and after it publishes and replicates. The router that talks to it is the
 * shipped one.
 */
import type { DurableObject } from 'cloudflare:workers'
import { ConfigCoordinator as RealCoordinator } from '../../../durable-objects/config-coordinator.ts'
import { readDigest } from '../../../shared/config/snapshot.ts'
import type {
  CoordinatorApi,
  RefreshReply,
  RefreshRequest,
} from '../../../shared/rpc/coordinator.ts'
import type { Gate, Order } from './orders.ts'

interface StandInVariables {
  readonly STAND_IN_CONTROL: string
}

type Publish = Parameters<CoordinatorApi['publish']>[0]
type Receipt = Awaited<ReturnType<CoordinatorApi['publish']>>

/** The real class as its contract says it: each method may take its time. */
const Coordinator: new (ctx: DurableObjectState, env: Env) => DurableObject<Env> & CoordinatorApi =
  RealCoordinator

export class ConfigCoordinator extends Coordinator {
  readonly #control: string
  /** Tells the lives of the object apart: a reset makes another one. */
  readonly #life = crypto.randomUUID()

  constructor(ctx: DurableObjectState, env: Env & StandInVariables) {
    super(ctx, env)
    this.#control = env.STAND_IN_CONTROL
  }

  override async refresh(request: RefreshRequest): Promise<RefreshReply> {
    const order = await this.#ask('refresh', request.revision)
    if (order.document !== undefined) await this.#publishByItself(order.document)
    if (order.act === 'garbage') return printGarbage(order.turn, request.revision)
    if (order.act === 'older') return await this.#answerWithOlder(order.turn, request.revision)
    return await super.refresh(request)
  }

  override async publish(request: Publish): Promise<Receipt> {
    await this.#ask('before-publish')
    const receipt = await super.publish(request)
    // What leaves the object waits until the writes are durable: once the control server hears of
    // it, a killed process has kept the revision.
    await this.#ask('after-publish')
    return receipt
  }

  /** The replica is written in the alarm. */
  override async alarm(): Promise<void> {
    await this.#ask('before-alarm')
    await super.alarm?.()
    await this.#ask('after-alarm')
  }

  async #ask(gate: Gate, revision = 0): Promise<Order> {
    const query = new URLSearchParams({ gate, life: this.#life, revision: String(revision) })
    const response = await fetch(`${this.#control}/?${query}`)
    const order: Order = await response.json()
    if (order.act === 'throw') throw new Error('the stand-in was told to throw')
    return order
  }

  async #publishByItself(text: string): Promise<void> {
    const receipt = await super.publish({ text, author: 'the stand-in', dryRun: false })
    if (!receipt.ok) throw new Error(`the stand-in could not publish: ${receipt.error.code}`)
  }

  /** The revision before the held one, honestly; or its snapshot under the number of a newer one. */
  async #answerWithOlder(turn: number, held: number): Promise<RefreshReply> {
    const older = Math.max(1, held - 1)
    const compiled = await super.compiled(older)
    if (!compiled.ok) throw new Error(`no compiled revision ${older}`)
    const bytes = new Uint8Array(await new Response(compiled.value.body).arrayBuffer())
    return {
      revision: turn % 2 === 0 ? older : held + 1,
      digest: readDigest(bytes),
      intervalMs: 5_000,
      viewsVersion: 0,
      snapshot: { lengthBytes: bytes.byteLength, body: streamBytes(bytes) },
    }
  }
}

export default {
  fetch: () => new Response('the stand-in coordinator has no HTTP interface', { status: 404 }),
} satisfies ExportedHandler

function streamBytes(bytes: Uint8Array): ReadableStream<Uint8Array> {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const writer = writable.getWriter()
  const send = async () => {
    await writer.write(bytes)
    await writer.close()
  }
  send().catch(() => undefined) // The receiver had seen enough.
  return readable
}

/** Answers of every wrong shape; the last one looks right and carries noise. */
function printGarbage(turn: number, held: number): RefreshReply {
  const noise = crypto.getRandomValues(new Uint8Array(4_096))
  const answers: unknown[] = [
    undefined,
    'garbage',
    { revision: 'seven', digest: 7, intervalMs: 'soon', viewsVersion: null },
    { revision: -3, digest: '', intervalMs: -1, viewsVersion: Number.NaN },
    {
      revision: held + 1_000,
      digest: 'f'.repeat(64),
      intervalMs: 5_000,
      viewsVersion: 0,
      snapshot: { lengthBytes: noise.byteLength, body: streamBytes(noise) },
    },
  ]
  return answers[turn % answers.length] as RefreshReply
}
