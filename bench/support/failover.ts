import { Agent, createServer, request, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { publishAndWait } from '../../test/support/api.ts'
import { pollUntil, send } from '../../test/support/http.ts'
import { startIsolates } from '../../test/support/isolates.ts'
import { printMs } from './section.ts'

const CLIENTS = 32
const CELL_MS = 20
const BEFORE_MS = 3_000
const AFTER_MS = 10_000
const THRESHOLD = 5

interface Cell {
  readonly url: string
  /** Everything at once: its port and its connections. */
  die(): void
}

async function startCell(): Promise<Cell> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((message, response) => {
    message.resume()
    setTimeout(() => response.end('ok'), CELL_MS)
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    die: () => {
      server.close()
      for (const socket of sockets) socket.resetAndDestroy()
    },
  }
}

interface Seen {
  readonly sentAt: number
  readonly endedAt: number
  readonly status: number
  readonly routedTo: string
}

function ask(port: number, agent: Agent, method: string): Promise<Seen> {
  const sentAt = performance.now()
  return new Promise((resolve) => {
    const end = (status: number, routedTo: string) =>
      resolve({ sentAt, endedAt: performance.now(), status, routedTo })
    const call = request(
      { host: '127.0.0.1', port, agent, method, path: '/x', headers: { 'X-Routing-Key': 'a' } },
      (response) => {
        response.resume()
        const routedTo = String(response.headers['x-routed-to'])
        response.on('end', () => end(response.statusCode ?? 0, routedTo))
      },
    )
    call.on('error', () => end(0, ''))
    call.end()
  })
}

/** Errors that clients see, and for how long, when a cell dies under load. */
export async function measureFailover(
  method: 'GET' | 'POST',
): Promise<{ head: string; row: string; failed: number; lastErrorMs: number }> {
  const [cell, rest] = await Promise.all([startCell(), startCell()])
  const isolates = await startIsolates(2)
  const [first, second] = isolates.members
  if (first === undefined || second === undefined) throw new Error('two isolates were asked for')
  const { revision } = await publishAndWait(first, {
    schema: 1,
    routingTable: { a: 'a' },
    defaultPlacement: 'rest',
    placements: {
      a: { endpoints: [cell.url], fallback: ['rest'] },
      rest: { endpoints: [rest.url] },
    },
  })
  await pollUntil(
    () => send(second, { path: '/x', key: 'a' }),
    ({ headers }) => headers['x-config-revision'] === String(revision),
  )
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS })
  const seen: Seen[] = []
  const slow: Seen[] = []
  const until = performance.now() + BEFORE_MS + AFTER_MS
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (performance.now() < until) seen.push(await ask(first.port, agent, method))
  })
  const other = (async () => {
    const own = new Agent({ keepAlive: true })
    while (performance.now() < until) {
      slow.push(await ask(second.port, own, method))
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    own.destroy()
  })()
  await new Promise((resolve) => setTimeout(resolve, BEFORE_MS))
  const diedAt = performance.now()
  const inFlight = CLIENTS
  cell.die()
  await Promise.all([...clients, other])
  agent.destroy()
  await isolates.stop()
  rest.die()
  return describe(method, seen, slow, diedAt, inFlight)
}

function describe(
  method: 'GET' | 'POST',
  seen: readonly Seen[],
  slow: readonly Seen[],
  diedAt: number,
  inFlight: number,
) {
  const after = seen.filter(({ endedAt }) => endedAt > diedAt)
  const failed = after.filter(({ status }) => status !== 200)
  const lastErrorMs = Math.max(0, ...failed.map(({ endedAt }) => endedAt - diedAt))
  const others = slow.filter(({ endedAt }) => endedAt > diedAt)
  const othersFailed = others.filter(({ status }) => status !== 200)
  const firstAvoided = others.find(({ routedTo }) => routedTo === 'rest')
  const warnedMs = firstAvoided ? firstAvoided.endedAt - diedAt : Number.NaN
  const limit = method === 'GET' ? 0 : inFlight + THRESHOLD
  const verdict = failed.length <= limit ? 'met' : 'missed'
  const cells = [
    method,
    `${after.length}`,
    `${failed.length} (${((100 * failed.length) / after.length).toFixed(2)} %)`,
    printMs(lastErrorMs),
    `${othersFailed.length} of ${others.length}`,
    printMs(warnedMs),
    `≤ ${limit}: **${verdict}**`,
  ]
  const names = [
    'method',
    `requests in ${AFTER_MS / 1_000} s after it`,
    'errors',
    'last error after, ms',
    'errors at the other isolate',
    'its first failover after, ms',
    'aim for errors',
  ]
  const head = `| ${names.join(' | ')} |\n| ${names.map(() => '---').join(' | ')} |`
  return { head, row: `| ${cells.join(' | ')} |`, failed: failed.length, lastErrorMs }
}
