/**
 * The demo cell: a stand-in for one isolated copy of a product, and a template for a backend.
 * It echoes what reached it, and misbehaves when told to, so that a person can watch the router:
 *
 *   ?status=503            answers with that status
 *   ?delayMs=3000          waits before it answers
 *   ?drip=5                sends that many chunks, one a second
 *   PUT /mode?status=500   every later request gets that status, until PUT /mode (isolate memory)
 *   PUT /mode?throw=1      every later request dies without an answer, until PUT /mode
 *   …&seconds=20           … or for so long: a router soon sends nothing to a broken cell any more
 */
interface CellEnv {
  readonly CELL_NAME: string
}

const LONGEST_DELAY_MS = 60_000
const MOST_CHUNKS = 600
const LONGEST_MODE_S = 3_600

/** The switch that lasts. */
const HEALTHY: Mode = { status: null, throws: false, until: 0 }
let mode = HEALTHY

export default {
  async fetch(request, env): Promise<Response> {
    const url = new URL(request.url)
    const order = readOrder(url)
    if (typeof order === 'string') return Response.json({ error: order }, { status: 400 })
    if (url.pathname === '/mode' && request.method === 'PUT') {
      mode = setMode(order)
      return answer(env, { cell: env.CELL_NAME, mode: nameMode(mode), seconds: order.seconds })
    }
    if (Date.now() >= mode.until) mode = HEALTHY
    if (mode.throws) throw new Error(`${env.CELL_NAME} is dead`)
    if (request.headers.get('upgrade')?.toLowerCase() === 'websocket') return echoMessages()
    if (order.delayMs > 0) await scheduler.wait(order.delayMs)
    const status = order.status ?? mode.status ?? 200
    if (order.chunks > 0) return drip(env, order.chunks)
    if (url.pathname === '/health') {
      const healthy = status < 300
      return answer(env, { status: healthy ? 'healthy' : 'unhealthy', cell: env.CELL_NAME }, status)
    }
    return answer(env, await describe(request, url, env.CELL_NAME), status)
  },
} satisfies ExportedHandler<CellEnv>

interface Mode {
  readonly status: number | null
  readonly throws: boolean
  /** Milliseconds since the epoch. */
  readonly until: number
}

function setMode({ status, throws, seconds }: Order): Mode {
  const until = seconds === null ? Number.POSITIVE_INFINITY : Date.now() + seconds * 1_000
  return status === null && !throws ? HEALTHY : { status, throws, until }
}

const nameMode = ({ status, throws }: Mode): string | number =>
  throws ? 'dead' : (status ?? 'healthy')

interface Order {
  readonly status: number | null
  readonly delayMs: number
  readonly chunks: number
  readonly throws: boolean
  readonly seconds: number | null
}

/** What the query asks for, or the sentence that says what is wrong with it. */
function readOrder(url: URL): Order | string {
  const status = readWhole(url, 'status', 200, 599)
  const delayMs = readWhole(url, 'delayMs', 0, LONGEST_DELAY_MS)
  const chunks = readWhole(url, 'drip', 1, MOST_CHUNKS)
  const throws = readWhole(url, 'throw', 0, 1)
  const seconds = readWhole(url, 'seconds', 1, LONGEST_MODE_S)
  for (const value of [status, delayMs, chunks, throws, seconds])
    if (typeof value === 'string') return value
  return {
    status: asNumber(status),
    delayMs: asNumber(delayMs) ?? 0,
    chunks: asNumber(chunks) ?? 0,
    throws: throws === 1,
    seconds: asNumber(seconds),
  }
}

const asNumber = (value: number | string | null): number | null =>
  typeof value === 'number' ? value : null

function readWhole(url: URL, name: string, low: number, high: number): number | string | null {
  const text = url.searchParams.get(name)
  if (text === null) return null
  const value = Number(text)
  if (Number.isInteger(value) && value >= low && value <= high) return value
  return `${name} must be a whole number from ${low} to ${high}`
}

async function describe(request: Request, url: URL, cell: string): Promise<object> {
  const body = request.body === null ? undefined : await digestBody(request.body)
  return {
    cell,
    timestamp: new Date().toISOString(),
    method: request.method,
    path: url.pathname,
    query: url.search.slice(1),
    headers: Object.fromEntries(request.headers),
    message: `Hello from ${cell}!`,
    ...(body && { body }),
  }
}

async function digestBody(body: ReadableStream): Promise<{ bytes: number; sha256: string }> {
  const digest = new crypto.DigestStream('SHA-256')
  await body.pipeTo(digest)
  const hash = Array.from(new Uint8Array(await digest.digest), (byte) =>
    byte.toString(16).padStart(2, '0'),
  )
  return { bytes: Number(digest.bytesWritten), sha256: hash.join('') }
}

/** A status that allows no body (204, 205, 304) gets none: the platform refuses one. */
function answer(env: CellEnv, body: object, status = 200): Response {
  const headers = { 'x-cell-name': env.CELL_NAME }
  if (status === 204 || status === 205 || status === 304)
    return new Response(null, { status, headers })
  return Response.json(body, { status, headers })
}

function drip(env: CellEnv, chunks: number): Response {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const writer = writable.getWriter()
  const encoder = new TextEncoder()
  const send = async () => {
    for (let sent = 1; sent <= chunks; sent++) {
      await writer.write(encoder.encode(`chunk ${sent} of ${chunks} from ${env.CELL_NAME}\n`))
      if (sent < chunks) await scheduler.wait(1_000)
    }
    await writer.close()
  }
  send().catch(() => undefined) // The client left: there is nobody to tell.
  return new Response(readable, {
    headers: { 'content-type': 'text/plain; charset=utf-8', 'x-cell-name': env.CELL_NAME },
  })
}

function echoMessages(): Response {
  const { 0: client, 1: server } = new WebSocketPair()
  server.accept()
  server.addEventListener('message', (event) => server.send(event.data))
  return new Response(null, { status: 101, webSocket: client })
}
