/**
 * A closed-loop load generator over raw sockets, in its own process: every connection sends its
 * next request when the last answer has come. Measures the CPU time of the server's process over
 * exactly the requests that it counts.
 */
import { connect, type Socket } from 'node:net'
import { answer } from './children.ts'
import { readCpuNs } from './cpu-time.ts'
import { quantile } from './statistics.ts'

export interface LoadOrder {
  readonly port: number
  readonly serverPid: number
  /** Heads as they go on the wire, sent in turn. */
  readonly requests: readonly string[]
  readonly connections: number
  /** Load before the count begins: connections are made, code is hot again. */
  readonly leadInMs: number
  readonly windowMs: number
}

export interface LoadResult {
  readonly requests: number
  readonly failed: number
  readonly cpuUsPerRequest: number
  readonly requestsPerSecond: number
  readonly p50Us: number
  readonly p99Us: number
}

interface Counters {
  latencies: number[]
  failed: number
  next: number
  stopped: boolean
}

const CONTENT_LENGTH = /\r\ncontent-length: (\d+)\r\n/i

/** The bytes of the whole answer that begins with this chunk, or undefined if its head is not whole. */
function measureAnswer(chunk: Buffer): { length: number; isOk: boolean } | undefined {
  const end = chunk.indexOf('\r\n\r\n')
  if (end === -1) return undefined
  const head = chunk.toString('latin1', 0, end + 2)
  const length = CONTENT_LENGTH.exec(head)?.[1]
  if (length === undefined) throw new Error(`an answer without Content-Length: ${head}`)
  return { length: end + 4 + Number(length), isOk: head.startsWith('HTTP/1.1 200') }
}

function drive(socket: Socket, requests: readonly Buffer[], counters: Counters): void {
  let sentAt = 0
  let held: Buffer | undefined
  const send = () => {
    if (counters.stopped) {
      socket.destroy()
      return
    }
    sentAt = performance.now()
    socket.write(requests[counters.next++ % requests.length] as Buffer)
  }
  const receive = (chunk: Buffer) => {
    const bytes = held === undefined ? chunk : Buffer.concat([held, chunk])
    const whole = measureAnswer(bytes)
    held = bytes
    if (whole === undefined || bytes.length < whole.length) return
    held = undefined
    if (!whole.isOk) counters.failed++
    counters.latencies.push(performance.now() - sentAt)
    send()
  }
  socket.setNoDelay(true)
  socket.on('connect', send)
  socket.on('data', receive)
  socket.on('error', () => counters.failed++)
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function load(order: LoadOrder): Promise<LoadResult> {
  const requests = order.requests.map((text) => Buffer.from(text, 'latin1'))
  const counters: Counters = { latencies: [], failed: 0, next: 0, stopped: false }
  for (let i = 0; i < order.connections; i++)
    drive(connect(order.port, '127.0.0.1'), requests, counters)
  await sleep(order.leadInMs)
  counters.latencies = []
  counters.failed = 0
  const cpuBefore = readCpuNs(order.serverPid)
  const startedAt = performance.now()
  await sleep(order.windowMs)
  const { latencies, failed } = counters
  const cpuNs = readCpuNs(order.serverPid) - cpuBefore
  const elapsedMs = performance.now() - startedAt
  counters.stopped = true
  const count = latencies.length
  await sleep(5)
  return {
    requests: count,
    failed,
    cpuUsPerRequest: cpuNs / 1000 / count,
    requestsPerSecond: (count * 1000) / elapsedMs,
    p50Us: quantile(latencies, 0.5) * 1000,
    p99Us: quantile(latencies, 0.99) * 1000,
  }
}

answer(load)
