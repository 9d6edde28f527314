/**
 * An upstream under the test's control: a node:http server on loopback that answers like a demo
 * cell unless told otherwise, and records everything that reaches it.
 */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { echoWebSocket } from './websocket.ts'

export interface ReceivedRequest {
  readonly method: string
  /** Path and query as received. */
  readonly url: string
  readonly rawHeaders: readonly string[]
  readonly headers: IncomingMessage['headers']
  /** Which connection of the origin, counted from 0. */
  readonly connection: number
  bodyBytes: number
  /** Hex; of what arrived so far. Final once `finished` has settled. */
  sha256: string
  /** The message ended as HTTP says it must; false while it runs, and for ever when it was cut. */
  complete: boolean
  /** The connection closed before the answer was sent whole. */
  aborted: boolean
  /** Settles when the body has ended or was cut. */
  readonly finished: Promise<void>
}

/** Called as soon as the headers are there; the body is read and recorded beside it. */
export type Handler = (received: ReceivedRequest, response: ServerResponse) => void | Promise<void>

export interface Origin {
  readonly name: string
  readonly port: number
  /** http://127.0.0.1:<port> */
  readonly url: string
  /** In order of arrival, WebSocket upgrades included. */
  readonly requests: readonly ReceivedRequest[]
  /** The newest request to that path. @throws when there is none */
  last(path: string): ReceivedRequest
  count(path: string): number
  /** From now on this path (without query) is answered so; undefined: like a demo cell again. */
  answer(path: string, handler: Handler | undefined): void
  /** The next requests to any path but /health are answered so, one each, before `answer`. */
  script(...handlers: Handler[]): void
  /** Lines that every 101 gets. */
  upgradeHeaders: string[]
  close(): Promise<void>
}

/** Answers like a demo cell of that name; `handler` replaces that for every path without its own. */
export async function startOrigin(name = 'origin', handler?: Handler): Promise<Origin> {
  const requests: ReceivedRequest[] = []
  const handlers = new Map<string, Handler>()
  const scripted: Handler[] = []
  const sockets = new Map<Socket, number>()
  let connections = 0
  const fallback = handler ?? answerLikeCell(name)

  const server = createServer((message, response) => {
    const received = receive(message, sockets.get(message.socket) ?? -1)
    requests.push(received)
    response.on('close', () => {
      received.aborted = !response.writableFinished
    })
    const path = readPath(received)
    const next = path === '/health' ? undefined : scripted.shift()
    const answered = (next ?? handlers.get(path) ?? fallback)(received, response)
    Promise.resolve(answered).catch((error) => response.destroy(error))
  })
  server.on('connection', (socket) => {
    sockets.set(socket, connections++)
    socket.on('close', () => sockets.delete(socket))
  })
  // Node's own limits would answer slow uploads in the place of the test.
  server.requestTimeout = 0
  server.headersTimeout = 0
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo

  const origin: Origin = {
    name,
    port,
    url: `http://127.0.0.1:${port}`,
    requests,
    last: (path) => {
      const found = requests.findLast((received) => readPath(received) === path)
      if (found === undefined) throw new Error(`${name} has seen no request to ${path}`)
      return found
    },
    count: (path) => requests.filter((received) => readPath(received) === path).length,
    answer: (path, replacement) => {
      if (replacement === undefined) handlers.delete(path)
      else handlers.set(path, replacement)
    },
    script: (...next) => {
      scripted.push(...next)
    },
    upgradeHeaders: [],
    close: async () => {
      for (const socket of sockets.keys()) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  server.on('upgrade', (message: IncomingMessage, socket: Socket, head: Buffer) => {
    requests.push(receive(message, sockets.get(message.socket) ?? -1))
    echoWebSocket(message, socket, head, origin.upgradeHeaders)
  })
  return origin
}

const readPath = (received: ReceivedRequest): string => received.url.split('?', 1)[0] ?? ''

function receive(message: IncomingMessage, connection: number): ReceivedRequest {
  const hash = createHash('sha256')
  const finished = Promise.withResolvers<void>()
  const received: ReceivedRequest = {
    method: message.method ?? '',
    url: message.url ?? '',
    rawHeaders: message.rawHeaders,
    headers: message.headers,
    connection,
    bodyBytes: 0,
    sha256: '',
    complete: false,
    aborted: false,
    finished: finished.promise,
  }
  const settle = () => {
    if (received.sha256 !== '') return
    received.sha256 = hash.digest('hex')
    received.complete = message.complete
    finished.resolve()
  }
  message.on('data', (chunk: Buffer) => {
    received.bodyBytes += chunk.length
    hash.update(chunk)
  })
  message.on('end', settle)
  message.on('error', settle)
  message.on('close', settle)
  return received
}

/** What a demo cell says, and the wire as this origin saw it. */
export function answerLikeCell(name: string): Handler {
  return async (received, response) => {
    await received.finished
    if (!received.complete) return
    const [path = '', query = ''] = received.url.split(/\?(.*)/s, 2)
    const body = JSON.stringify({
      cell: name,
      timestamp: new Date().toISOString(),
      method: received.method,
      path,
      query,
      headers: received.headers,
      rawHeaders: received.rawHeaders,
      bodyBytes: received.bodyBytes,
      sha256: received.sha256,
      message: `Hello from ${name}!`,
      ...(path === '/health' && { status: 'healthy' }),
    })
    response.writeHead(200, {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
      'X-Cell-Name': name,
    })
    response.end(body)
  }
}

/** A handler that sends this, whole, without waiting for the body of the request. */
export function answerWith(
  status: number,
  headers: Readonly<Record<string, string | string[]>> = {},
  body: string | Uint8Array = '',
): Handler {
  return (_, response) => {
    response.writeHead(status, headers)
    response.end(body)
  }
}

/** A handler that keeps requests waiting until `release`, then answers like a cell. */
export function holdRequests(name: string): Handler & { release(): void; readonly held: number } {
  const gate = Promise.withResolvers<void>()
  const answer = answerLikeCell(name)
  let held = 0
  const hold: Handler = async (received, response) => {
    held++
    await gate.promise
    if (!response.destroyed) await answer(received, response)
  }
  return Object.defineProperty(
    Object.assign(hold, { release: () => gate.resolve(), held: 0 }),
    'held',
    {
      get: () => held,
    },
  )
}
