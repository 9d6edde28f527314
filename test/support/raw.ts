/**
 * A TCP client that sends exact bytes and reads exact bytes: what no HTTP library agrees to do.
 * Every wait has a deadline, and a passed deadline throws with what had arrived.
 */
import { connect, type Socket } from 'node:net'
import { isInterim, latin1, type RawMessage, readMessages } from './raw-messages.ts'

const DEADLINE_MS = 5_000

export class RawConnection {
  readonly #socket: Socket
  #bytes = Buffer.alloc(0)
  #ending: 'fin' | 'reset' | undefined
  #methods: string[] = []
  #wake: () => void = () => undefined

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk])
      this.#wake()
    })
    socket.on('end', () => this.#finish('fin'))
    socket.on('error', () => this.#finish('reset'))
    socket.on('close', () => this.#finish('fin'))
  }

  #finish(how: 'fin' | 'reset'): void {
    this.#ending ??= how
    this.#wake()
  }

  /** Sends bytes; text is Latin-1. */
  async send(bytes: string | Buffer): Promise<void> {
    const buffer = typeof bytes === 'string' ? latin1(bytes) : bytes
    await new Promise<void>((resolve) => this.#socket.write(buffer, () => resolve()))
  }

  /** Tells the reader of answers which methods were asked for, in order (HEAD has no body). */
  expectMethods(...methods: string[]): void {
    this.#methods.push(...methods)
  }

  /** FIN: no more bytes from here; answers may still come. */
  finish(): void {
    this.#socket.end()
  }

  reset(): void {
    this.#socket.resetAndDestroy()
  }

  get bytes(): Buffer {
    return this.#bytes
  }

  /** What came so far, interim answers included. */
  get messages(): RawMessage[] {
    return readMessages(this.#bytes, 'response', this.#ending !== undefined, this.#methods)
  }

  /** The final answers, once there are `count` complete ones, or the peer has closed. */
  async answers(count: number, deadlineMs = DEADLINE_MS): Promise<RawMessage[]> {
    const finals = () => this.messages.filter((message) => !isInterim(message))
    const complete = () => finals().filter((message) => message.state === 'complete').length
    await this.#until(() => complete() >= count || this.#ending !== undefined, deadlineMs)
    return finals()
  }

  async answer(deadlineMs = DEADLINE_MS): Promise<RawMessage> {
    const [first] = await this.answers(1, deadlineMs)
    if (first === undefined) throw new Error(`closed (${this.#ending}) without an answer`)
    return first
  }

  /** The next final answer of a kept connection; it and what came before it are forgotten. */
  async takeAnswer(deadlineMs = DEADLINE_MS): Promise<RawMessage> {
    const answer = await this.answer(deadlineMs)
    const before = this.messages.findIndex((message) => !isInterim(message))
    const taken = this.messages.slice(0, before + 1)
    this.#bytes = this.#bytes.subarray(taken.reduce((sum, { bytes }) => sum + bytes.length, 0))
    this.#methods.shift()
    return answer
  }

  /** Waits until the peer closes, and says how. */
  async closed(deadlineMs = DEADLINE_MS): Promise<'fin' | 'reset'> {
    await this.#until(() => this.#ending !== undefined, deadlineMs)
    return this.#ending ?? 'fin'
  }

  async until(holds: (bytes: Buffer) => boolean, deadlineMs = DEADLINE_MS): Promise<void> {
    await this.#until(() => holds(this.#bytes), deadlineMs)
  }

  async #until(holds: () => boolean, deadlineMs: number): Promise<void> {
    const end = Date.now() + deadlineMs
    while (!holds()) {
      const left = end - Date.now()
      if (left <= 0) {
        const seen = JSON.stringify(this.#bytes.toString('latin1').slice(0, 2_000))
        throw new Error(`nothing new within ${deadlineMs} ms; so far: ${seen}`)
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }
}

export async function openRaw(port: number): Promise<RawConnection> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true })
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  return new RawConnection(socket)
}

/** One request on a connection of its own, and its final answer. */
export async function exchange(port: number, bytes: string | Buffer): Promise<RawMessage> {
  const connection = await openRaw(port)
  const method = bytes.toString().split(' ', 1)[0] ?? 'GET'
  connection.expectMethods(method)
  try {
    await connection.send(bytes)
    return await connection.answer()
  } finally {
    connection.reset()
  }
}

/** A well-formed request without a body; `headers` are whole lines. */
export function printRequest(target: string, headers: readonly string[], method = 'GET'): string {
  return [`${method} ${target} HTTP/1.1`, ...headers, '', ''].join('\r\n')
}

/** Polls until `holds` is true. A passed deadline is an error that says what was awaited. */
export async function waitFor(
  what: string,
  holds: () => boolean,
  deadlineMs = DEADLINE_MS,
): Promise<void> {
  const end = Date.now() + deadlineMs
  while (!holds()) {
    if (Date.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
