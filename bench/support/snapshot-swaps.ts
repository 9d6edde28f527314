/** What adopting a new snapshot does to an isolate: to its requests and to its memory. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findFreePort } from '../../scripts/local.ts'
import { forkPeer, stop } from './children.ts'
import { readMemory } from './cpu-time.ts'
import { type Heap, readHeap } from './inspector.ts'
import { CELL_BINDING, compileLarge, makeLargeDocument, nameKey } from './large-document.ts'
import type { ProbeOrder, ProbeResult } from './probe.ts'
import {
  bundleVariants,
  makeScratchDirectory,
  ROUTER_ENTRY,
  type Runtime,
  startRuntime,
  type Variant,
  waitForAnswer,
} from './runtime.ts'

export type Kind = 'router' | 'json-map'

export interface Swaps extends ProbeResult {
  readonly kind: Kind
  readonly keyBytes: number
  /** Retained by the isolate for its configuration. */
  readonly retained: Heap
  /** Most resident memory of the process while it was under load. */
  readonly peakBytes: number
}

const INTERVAL_MS = 5_000
const WARM_UP_MS = 3_000
const FLAGS = ['enable_request_signal']
const CELL: Variant = { name: 'cell', entry: 'bench/workers/empty.ts' }

function listVariants(kind: Kind, copies: number): Variant[] {
  const snapshots = Array.from(
    { length: copies },
    (_, i) => `(name = "SNAPSHOT_${i + 1}", data = embed "snapshot-${i + 1}.bin")`,
  )
  const document = '(name = "DOCUMENT", data = embed "document.json")'
  const coordinator: Variant = {
    name: 'coordinator',
    entry: 'bench/workers/stand-in-coordinator.ts',
    hasObjects: true,
    bindings: kind === 'router' ? snapshots : [document],
  }
  const cell = (name: string) => `(name = "${name}", service = "cell")`
  const router: Variant = {
    name: 'subject',
    entry: ROUTER_ENTRY,
    flags: FLAGS,
    isRouter: true,
    coordinator: 'coordinator',
    bindings: [cell(CELL_BINDING)],
  }
  const jsonMap: Variant = {
    name: 'subject',
    entry: 'bench/workers/json-map.ts',
    flags: FLAGS,
    bindings: [
      cell('CELL'),
      '(name = "COORDINATOR", service = "coordinator")',
      `(name = "COPIES", text = "${copies}")`,
    ],
  }
  return [CELL, coordinator, kind === 'router' ? router : jsonMap]
}

function writeCopies(
  kind: Kind,
  directory: string,
  keys: number,
  keyBytes: number,
  copies: number,
): void {
  if (kind === 'json-map') {
    const document = makeLargeDocument(keys, keyBytes)
    writeFileSync(join(directory, 'document.json'), JSON.stringify(document))
    return
  }
  for (let revision = 1; revision <= copies; revision++) {
    const document = makeLargeDocument(keys, keyBytes, revision)
    writeFileSync(join(directory, `snapshot-${revision}.bin`), compileLarge(document, revision))
  }
}

async function probe(runtime: Runtime, keyBytes: number, durationMs: number): Promise<ProbeResult> {
  const peer = forkPeer('./probe.ts')
  const head = `GET /v1/items HTTP/1.1\r\nHost: bench\r\nX-Routing-Key: ${nameKey(7, keyBytes)}\r\n\r\n`
  const order: ProbeOrder = {
    serverPid: runtime.pid,
    idlePort: runtime.ports.get('cell') ?? 0,
    watchedPort: runtime.ports.get('subject') ?? 0,
    head,
    durationMs,
  }
  const result = await peer.ask<ProbeResult>(order)
  await stop(peer.child)
  return result
}

/** In a runtime of its own: the inspector slows everything down. */
async function measureRetained(variants: readonly Variant[], directory: string, key: string) {
  const inspectorPort = await findFreePort()
  const runtime = await startRuntime(variants, directory, {
    v8Flags: ['--expose-gc'],
    inspectorPort,
  })
  const url = `http://127.0.0.1:${runtime.ports.get('subject')}/`
  await waitForAnswer(`http://127.0.0.1:${runtime.ports.get('cell')}/`)
  const before = await readHeap(inspectorPort, 'subject')
  const response = await fetch(url, { headers: { 'x-routing-key': key } })
  await response.body?.cancel()
  if (response.headers.get('x-config-revision') !== '1') throw new Error('nothing was loaded')
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  const after = await readHeap(inspectorPort, 'subject')
  await runtime.stop()
  return {
    heapBytes: after.heapBytes - before.heapBytes,
    bufferBytes: after.bufferBytes - before.bufferBytes,
  }
}

export async function measureSwaps(
  kind: Kind,
  keys: number,
  keyBytes: number,
  swaps: number,
): Promise<Swaps> {
  const directory = makeScratchDirectory()
  const variants = listVariants(kind, swaps + 1)
  writeCopies(kind, directory, keys, keyBytes, swaps + 1)
  await bundleVariants(variants, directory)
  const retained = await measureRetained(variants, directory, nameKey(7, keyBytes))
  const runtime = await startRuntime(variants, directory)
  await waitForAnswer(`http://127.0.0.1:${runtime.ports.get('cell')}/`)
  await probe(runtime, keyBytes, WARM_UP_MS)
  const result = await probe(runtime, keyBytes, (swaps + 0.6) * INTERVAL_MS)
  const peakBytes = readMemory(runtime.pid).peak
  await runtime.stop()
  if (result.swaps.length === 0) throw new Error(`${kind}: no swap was seen`)
  return { ...result, kind, keyBytes, retained, peakBytes }
}
