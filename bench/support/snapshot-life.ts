/** A large document on the real router: publish, restart, route. */
import { readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { forkPeer, stop } from './children.ts'
import { CELL_BINDING, makeLargeDocument, nameKey, namePlacement } from './large-document.ts'
import type { ProbeOrder, ProbeResult } from './probe.ts'
import { publish, waitForRevision } from './router.ts'
import {
  bundleVariants,
  makeScratchDirectory,
  ROUTER_ENTRY,
  type Runtime,
  startRuntime,
  type Variant,
  waitForAnswer,
} from './runtime.ts'

export interface Life {
  readonly keyBytes: number
  readonly documentBytes: number
  readonly snapshotBytes: number
  readonly publishMs: number
  /** CPU time of the thread during the longest wait of any request meanwhile. */
  readonly publishStallMs: number
  /** First routed request of a new process on the same storage, and on the replica alone. */
  readonly restartMs: number
  readonly replicaMs: number
  readonly routed: number
  readonly asked: number
}

const SAMPLE = 500
const PROBE_MS = 8_000
const variants = (directory: string): Variant[] => [
  { name: 'cell', entry: 'bench/workers/empty.ts' },
  {
    name: 'router',
    entry: ROUTER_ENTRY,
    flags: ['enable_request_signal'],
    isRouter: true,
    storage: join(directory, 'storage'),
    bindings: [`(name = "${CELL_BINDING}", service = "cell")`],
  },
]

const portOf = (runtime: Runtime): number => runtime.ports.get('router') ?? 0

/** Publishes while another process watches how long requests wait. */
async function publishWatched(runtime: Runtime, document: object) {
  const probe = forkPeer('./probe.ts')
  const head = 'GET /health HTTP/1.1\r\nHost: bench\r\n\r\n'
  const order: ProbeOrder = {
    serverPid: runtime.pid,
    idlePort: runtime.ports.get('cell') ?? 0,
    watchedPort: portOf(runtime),
    head,
    durationMs: PROBE_MS,
  }
  const watch = probe.ask<ProbeResult>(order)
  await new Promise((resolve) => setTimeout(resolve, 500))
  const published = await publish(portOf(runtime), document)
  const { longest } = await watch
  await stop(probe.child)
  return { ...published, stallMs: longest.cpuMs }
}

/** Kills the process, starts another, and times its first routed request. */
async function restart(runtime: Runtime, directory: string, key: string) {
  await runtime.stop()
  const next = await startRuntime(variants(directory), directory)
  await waitForAnswer(`http://127.0.0.1:${portOf(next)}/health`)
  const ms = await waitForRevision(portOf(next), 1, key)
  return { next, ms }
}

async function countRouted(runtime: Runtime, keys: number, keyBytes: number): Promise<number> {
  let routed = 0
  for (let i = 0; i < SAMPLE; i++) {
    const n = Math.floor((i * keys) / SAMPLE)
    const response = await fetch(`http://127.0.0.1:${portOf(runtime)}/`, {
      headers: { 'x-routing-key': nameKey(n, keyBytes) },
    })
    await response.body?.cancel()
    if (response.headers.get('x-routed-to') === namePlacement(n)) routed += 1
  }
  return routed
}

function findReplicaBytes(directory: string): number {
  const replica = join(directory, 'storage/replica')
  return Math.max(0, ...readdirSync(replica).map((file) => statSync(join(replica, file)).size))
}

async function waitForReplica(directory: string): Promise<number> {
  const deadline = Date.now() + 15_000
  for (;;) {
    const bytes = findReplicaBytes(directory)
    if (bytes > 0) return bytes
    if (Date.now() > deadline) throw new Error('no replica was written')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

export async function measureLife(keys: number, keyBytes: number): Promise<Life> {
  const directory = makeScratchDirectory()
  const document = makeLargeDocument(keys, keyBytes)
  const key = nameKey(7, keyBytes)
  await bundleVariants(variants(directory), directory)
  const runtime = await startRuntime(variants(directory), directory)
  await waitForAnswer(`http://127.0.0.1:${portOf(runtime)}/health`)
  const published = await publishWatched(runtime, document)
  await waitForRevision(portOf(runtime), published.revision, key)
  const snapshotBytes = await waitForReplica(directory)
  const restarted = await restart(runtime, directory, key)
  const routed = await countRouted(restarted.next, keys, keyBytes)
  await restarted.next.stop()
  rmSync(join(directory, 'storage/objects'), { recursive: true, force: true })
  const alone = await restart(restarted.next, directory, key)
  await alone.next.stop()
  return {
    keyBytes,
    documentBytes: JSON.stringify(document).length,
    snapshotBytes,
    publishMs: published.ms,
    publishStallMs: published.stallMs,
    restartMs: restarted.ms,
    replicaMs: alone.ms,
    routed,
    asked: SAMPLE,
  }
}
