/** A router of the benchmark's own: its document, publishing it, waiting until it routes. */
import { ADMIN_TOKEN } from './runtime.ts'

export interface Published {
  readonly revision: number
  readonly ms: number
}

/** Publishes a document of schema 1. */
export async function publish(port: number, document: object): Promise<Published> {
  const body = JSON.stringify(document)
  const startedAt = performance.now()
  const response = await fetch(`http://127.0.0.1:${port}/admin/config`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
    body,
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`publish: ${response.status} ${text.slice(0, 500)}`)
  const { revision } = JSON.parse(text) as { revision: number }
  return { revision, ms: performance.now() - startedAt }
}

/** Polls with the key until the wanted revision decides. */
export async function waitForRevision(
  port: number,
  revision: number,
  key: string,
  deadlineMs = 30_000,
): Promise<number> {
  const startedAt = performance.now()
  for (;;) {
    const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { 'x-routing-key': key } })
    await response.body?.cancel()
    const elapsed = performance.now() - startedAt
    if (Number(response.headers.get('x-config-revision')) >= revision) return elapsed
    if (elapsed > deadlineMs) throw new Error(`revision ${revision} did not arrive`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
