/**
 * A cell that records the exact bytes of every connection and answers with exact bytes, well or badly.
 * It is the oracle of the raw tests: what the router really put on the wire.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { latin1, type RawMessage, readMessages, targetOf } from './raw-messages.ts'

export interface UpstreamConnection {
  readonly socket: Socket
  /** How the router ended it. */
  ending: 'open' | 'fin' | 'reset'
  complete: RawMessage[]
  /** What came after the last complete message. */
  rest: Buffer
}

const listMessages = ({ complete, rest }: UpstreamConnection): RawMessage[] => [
  ...complete,
  ...readMessages(rest, 'request'),
]

/** What happens once a request is complete on a connection. */
export type Behaviour = (socket: Socket, request: RawMessage) => void

export const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** What it says to bytes that are no request (a TLS handshake, say) before it closes. */
const BAD_REQUEST = 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'

export const answerWith =
  (bytes: string | Buffer): Behaviour =>
  (socket) =>
    void socket.write(typeof bytes === 'string' ? latin1(bytes) : bytes)

export const answerAndClose =
  (bytes: string): Behaviour =>
  (socket) =>
    void socket.end(latin1(bytes))

export const closeSilently: Behaviour = (socket) => void socket.end()
export const resetConnection: Behaviour = (socket) => void socket.resetAndDestroy()
export const neverAnswer: Behaviour = () => undefined

/** The body is the request target: an answer that shows to which request it belongs. */
export const echoTarget: Behaviour = (socket, request) => {
  const target = targetOf(request)
  const length = request.startLine.startsWith('HEAD ') ? 1_000 : target.length
  const body = request.startLine.startsWith('HEAD ') ? '' : target
  socket.write(latin1(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n${body}`))
}

export class RawUpstream {
  readonly port: number
  readonly #server: Server
  readonly #connections: UpstreamConnection[] = []
  #behaviour: Behaviour = answerWith(OK)

  private constructor(server: Server, port: number) {
    this.#server = server
    this.port = port
    server.on('connection', (socket) => this.#record(socket))
  }

  static async start(): Promise<RawUpstream> {
    const server = createServer({ noDelay: true, allowHalfOpen: true })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port was assigned')
    return new RawUpstream(server, address.port)
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** The authority that the router has to put into Host. */
  get host(): string {
    return `127.0.0.1:${this.port}`
  }

  /** Connections that were opened or used since `forget`. */
  get connections(): readonly UpstreamConnection[] {
    return this.#connections
  }

  /** Messages of all connections, unfinished and malformed ones too. */
  get messages(): RawMessage[] {
    return this.#connections.flatMap(listMessages)
  }

  behave(behaviour: Behaviour): void {
    this.#behaviour = behaviour
  }

  /** Forgets what came and answers 200 again. Connections stay open, so that they are reused. */
  forget(): void {
    this.#behaviour = answerWith(OK)
    for (const connection of this.#connections) {
      connection.complete = []
      connection.rest = Buffer.alloc(0)
    }
  }

  /** Forgets all and closes what is open: the next request needs a fresh connection. */
  disconnect(): void {
    this.forget()
    for (const { socket } of this.#connections.splice(0)) socket.resetAndDestroy()
  }

  async stop(): Promise<void> {
    for (const { socket } of this.#connections) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #record(socket: Socket): void {
    const connection: UpstreamConnection = {
      socket,
      ending: 'open',
      complete: [],
      rest: Buffer.alloc(0),
    }
    this.#connections.push(connection)
    socket.on('data', (chunk: Buffer) => {
      connection.rest = Buffer.concat([connection.rest, chunk])
      const read = readMessages(connection.rest, 'request')
      for (const message of read.filter(({ state }) => state === 'complete')) {
        connection.complete.push(message)
        connection.rest = connection.rest.subarray(message.bytes.length)
        this.#behaviour(socket, message)
      }
      if (read.at(-1)?.state === 'malformed') socket.end(latin1(BAD_REQUEST))
    })
    socket.on('end', () => {
      if (connection.ending === 'open') connection.ending = 'fin'
      socket.end()
    })
    socket.on('error', () => {
      connection.ending = 'reset'
    })
  }
}
