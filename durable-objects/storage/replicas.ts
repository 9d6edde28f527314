import type { Replica } from '../../shared/config/replica.ts'

/** The bindings that can hold a replica; every one of them may be absent. */
export interface ReplicaBindings {
  /** Workers KV. */
  readonly SNAPSHOT?: KVNamespace
  /** A writable disk service of plain workerd. */
  readonly REPLICA?: Fetcher
}

const KV_KEY = 'snapshot'
const DISK_URL = 'http://replica/snapshot'

export function openReplica(env: ReplicaBindings): Replica | undefined {
  if (env.SNAPSHOT !== undefined) return openKv(env.SNAPSHOT)
  if (env.REPLICA !== undefined) return openDisk(env.REPLICA)
  return undefined
}

const openKv = (namespace: KVNamespace): Replica => ({
  async get() {
    const bytes = await namespace.get(KV_KEY, 'arrayBuffer')
    return bytes === null ? undefined : new Uint8Array(bytes)
  },
  put: (bytes) => namespace.put(KV_KEY, bytes),
})

const openDisk = (disk: Fetcher): Replica => ({
  async get() {
    const response = await disk.fetch(DISK_URL)
    const bytes = await response.arrayBuffer()
    if (response.status === 404) return undefined
    if (!response.ok) throw new Error(`the replica answered ${response.status}`)
    return new Uint8Array(bytes)
  },
  async put(bytes) {
    const response = await disk.fetch(DISK_URL, { method: 'PUT', body: bytes })
    await response.body?.cancel()
    if (!response.ok) throw new Error(`the replica answered ${response.status}`)
  },
})
