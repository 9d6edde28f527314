import { evictDurableObject, reset } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openSnapshot } from '../../shared/config/snapshot.ts'
import type { RefreshReply } from '../../shared/rpc/coordinator.ts'
import { printDocument, printLargeDocument } from '../support/a-document.ts'
import { api, captureLog, coordinator, must, mustPublish } from '../support/coordinator.ts'

beforeEach(async () => {
  await reset()
  captureLog()
})
afterEach(() => {
  vi.restoreAllMocks()
})

const refresh = async (revision: number): Promise<RefreshReply> =>
  api().refresh({ revision, viewsVersion: 0 })

describe('refresh', () => {
  it('answers revision 0 while nothing is published', async () => {
    const reply = await refresh(0)
    expect(reply).toMatchObject({ revision: 0, digest: '', viewsVersion: 0 })
    expect(reply.snapshot).toBeUndefined()
  })

  it('hands out the snapshot to whoever holds an older one, and its digest to all', async () => {
    await mustPublish(printDocument())
    await mustPublish(printDocument({ label: 'other' }))
    const reply = await refresh(1)
    const bytes = await new Response(reply.snapshot?.body).bytes()
    expect(bytes.byteLength).toBe(reply.snapshot?.lengthBytes)
    const snapshot = must(openSnapshot(bytes))
    expect(snapshot).toMatchObject({ revision: 2, label: 'other', digest: reply.digest })
    const digest = await crypto.subtle.digest('SHA-256', bytes.subarray(48))
    expect(Buffer.from(digest).toString('hex')).toBe(reply.digest)
  })

  it('answers "unchanged" in a few bytes', async () => {
    await mustPublish(printDocument())
    const reply = await refresh(1)
    expect(reply).toEqual({
      revision: 1,
      digest: reply.digest,
      intervalMs: 5_000,
      viewsVersion: 0,
      views: [],
    })
    expect(reply.intervalMs).toBe(5_000)
  })

  it('streams a snapshot of several rows, also after an eviction', async () => {
    await mustPublish(printLargeDocument(4_000_000))
    await evictDurableObject(coordinator())
    const reply = await refresh(0)
    expect(reply.snapshot?.lengthBytes).toBeGreaterThan(2 * 1_048_576)
    const bytes = await new Response(reply.snapshot?.body).bytes()
    expect(bytes.byteLength).toBe(reply.snapshot?.lengthBytes)
    expect(must(openSnapshot(bytes)).table.size).toBeGreaterThan(60_000)
  })

  it('finishes a transfer that one publish has overtaken', async () => {
    await mustPublish(printLargeDocument(4_000_000))
    const reply = await refresh(0)
    await mustPublish(printDocument())
    const bytes = await new Response(reply.snapshot?.body).bytes()
    expect(must(openSnapshot(bytes)).revision).toBe(1)
  })

  it('advertises a longer interval to a fleet', async () => {
    await mustPublish(printDocument())
    const stub = coordinator()
    await Promise.all(
      Array.from({ length: 300 }, () => stub.refresh({ revision: 1, viewsVersion: 0 })),
    )
    expect((await refresh(1)).intervalMs).toBeGreaterThan(5_000)
  })
})
