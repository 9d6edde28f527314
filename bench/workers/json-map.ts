/**
 * What is usually done instead of a packed snapshot: fetch the document as JSON every five
 * seconds, parse it, build a Map, swap. No validation.
 */
import { env } from 'cloudflare:workers'

interface Bindings {
  readonly COORDINATOR: Fetcher
  readonly CELL: Fetcher
  /** So many loads, then nothing changes any more. */
  readonly COPIES: string
}

const { COORDINATOR, CELL, COPIES } = env as unknown as Bindings
const INTERVAL_MS = 5_000

let revision = 0
let dueAt = 0
let table = new Map<string, string>()

async function refresh(): Promise<void> {
  const response = await COORDINATOR.fetch('http://coordinator/')
  const document = JSON.parse(await response.text()) as { routingTable: Record<string, string> }
  table = new Map(Object.entries(document.routingTable))
  revision += 1
}

export default {
  async fetch(request: Request, _: unknown, ctx: ExecutionContext): Promise<Response> {
    if (Date.now() >= dueAt && revision < Number(COPIES)) {
      dueAt = Date.now() + INTERVAL_MS
      if (revision === 0) await refresh()
      else ctx.waitUntil(refresh())
    }
    const placement = table.get(request.headers.get('x-routing-key') ?? '') ?? 'none'
    const upstream = await CELL.fetch(request)
    const response = new Response(upstream.body, upstream)
    response.headers.set('x-routed-to', placement)
    response.headers.set('x-config-revision', String(revision))
    return response
  },
}
