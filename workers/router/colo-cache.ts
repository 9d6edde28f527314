import type { Head } from '../../shared/config/refresh-head.ts'
import { SNAPSHOT_FORMAT } from '../../shared/config/snapshot.ts'

/**
 * The cache that the isolates of one colo share (`caches.default`). Optional: it keeps nothing on
 * workers.dev, and plain workerd has none. All methods reject when it cannot be reached.
 */
export interface ColoCache {
  /** False once it is known that this runtime has none. */
  exists(): boolean
  /** Whatever is stored there, unchecked; undefined: nothing. */
  readHead(): Promise<unknown>
  writeHead(head: Head): Promise<void>
  readBody(digest: string): Promise<Uint8Array | undefined>
  writeBody(digest: string, bytes: Uint8Array): Promise<void>
}

/** Nobody can route to it, and `.invalid` never resolves (RFC 2606). */
const ORIGIN = 'https://cellway.invalid'
/** A head is news for one interval; it stays longer, as a start for isolates that hold nothing. */
const HEAD_CONTROL = 'max-age=3600'
const BODY_CONTROL = 'max-age=86400, immutable'

/** What workerd says when it runs without a cache service: nothing changes that later. */
const NO_CACHE = 'No Cache was configured'
let isAbsent = false

/**
 * `salt`: unguessable and equal in all isolates of the deployment, because other Workers of the
 * same zone can write to the same cache.
 */
export function openColoCache(salt: string): ColoCache | undefined {
  if (isAbsent) return undefined
  const prefix = `${ORIGIN}/v${SNAPSHOT_FORMAT}/${salt}`
  const headUrl = `${prefix}/head`
  const bodyUrl = (digest: string): string => `${prefix}/body/${digest}`
  return {
    exists: () => !isAbsent,
    readHead: async () => (await match(headUrl))?.json(),
    writeHead: (head) => put(headUrl, JSON.stringify(head), HEAD_CONTROL),
    async readBody(digest) {
      const response = await match(bodyUrl(digest))
      return response && new Uint8Array(await response.arrayBuffer())
    },
    writeBody: (digest, bytes) => put(bodyUrl(digest), bytes, BODY_CONTROL),
  }
}

const match = (url: string): Promise<Response | undefined> =>
  noteAbsence(async () => caches.default.match(url))

const put = (url: string, body: string | Uint8Array, control: string): Promise<void> =>
  noteAbsence(async () =>
    caches.default.put(url, new Response(body, { headers: { 'cache-control': control } })),
  )

async function noteAbsence<T>(use: () => Promise<T>): Promise<T> {
  try {
    return await use()
  } catch (error) {
    if (error instanceof Error && error.message.includes(NO_CACHE)) isAbsent = true
    throw error
  }
}
