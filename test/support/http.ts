/**
 * One request over its own connection, header-exact: node:http without an agent, because `fetch`
 * adds headers, hides duplicates, decompresses bodies and keeps connections.
 */
import { createHash } from 'node:crypto'
import {
  type ClientRequest,
  request as createRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from 'node:http'

export interface Call {
  /** Default GET. */
  readonly method?: string
  /** Path and query as they go on the wire. */
  readonly path?: string
  /** Shorthand for X-Routing-Key. */
  readonly key?: string
  /** An array as a value is sent as several lines. */
  readonly headers?: OutgoingHttpHeaders
  /** Sent with Content-Length; an iterable is sent chunked. */
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>
}

export interface Answer {
  readonly status: number
  /** Names in lower case; duplicates joined as node:http does. */
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
  /** The bytes on the wire, still compressed if they were. */
  readonly body: Buffer
  readonly text: string
  json(): Record<string, unknown>
}

/** Where to: a Target, an Origin, or anything that listens on 127.0.0.1. */
export interface Listener {
  readonly port: number
}

export const hashBody = (bytes: Uint8Array | string): string =>
  createHash('sha256').update(bytes).digest('hex')

/** The whole answer. Rejects when the connection fails or the body is cut. */
export async function send(listener: Listener, call: Call = {}): Promise<Answer> {
  const { response } = open(listener, call)
  return await readAnswer(await response)
}

export interface OpenCall {
  readonly request: ClientRequest
  /** Settles when the headers of the answer are there. */
  readonly response: Promise<IncomingMessage>
}

/** Starts a request and leaves reading, cutting and waiting to the caller. */
export function open(listener: Listener, call: Call = {}): OpenCall {
  const { method = 'GET', path = '/', body } = call
  const sized = typeof body === 'string' || body instanceof Uint8Array
  const request = createRequest({
    host: '127.0.0.1',
    port: listener.port,
    agent: false,
    method,
    path,
    headers: {
      ...frameBody(call),
      ...call.headers,
      ...(call.key !== undefined && { 'X-Routing-Key': call.key }),
    },
  })
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    request.on('response', resolve)
    request.on('error', reject)
  })
  response.catch(() => undefined) // A caller that cuts the connection does not look at it.
  if (body === undefined || sized) request.end(body)
  else writeChunks(request, body).catch((error) => request.destroy(error))
  return { request, response }
}

/** node:http frames the bodies of POST and PUT by itself, but not those of GET or DELETE. */
function frameBody({ body, headers = {} }: Call): OutgoingHttpHeaders {
  if (body === undefined) return {}
  if (typeof body === 'string' || body instanceof Uint8Array)
    return { 'Content-Length': Buffer.byteLength(body) }
  return 'Content-Length' in headers ? {} : { 'Transfer-Encoding': 'chunked' }
}

async function writeChunks(request: ClientRequest, body: AsyncIterable<Uint8Array>): Promise<void> {
  request.flushHeaders()
  for await (const chunk of body) {
    if (request.destroyed) return
    if (!request.write(chunk)) await waitForDrain(request)
  }
  request.end()
}

const waitForDrain = (request: ClientRequest): Promise<void> =>
  new Promise((resolve) => {
    const resume = () => {
      request.off('drain', resume)
      request.off('close', resume)
      resolve()
    }
    request.on('drain', resume)
    request.on('close', resume)
  })

export async function readAnswer(message: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk)
  const body = Buffer.concat(chunks)
  return {
    status: message.statusCode ?? 0,
    headers: message.headers,
    rawHeaders: message.rawHeaders,
    body,
    text: body.toString(),
    json: () => JSON.parse(body.toString()),
  }
}

/** The values of one header, in order, as they came: never joined. */
export function listValues(rawHeaders: readonly string[], name: string): string[] {
  return rawHeaders.filter(
    (_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name.toLowerCase(),
  )
}

/** Ends the connection with a reset, as a killed client or a lost network does. */
export function resetConnection(request: ClientRequest): void {
  request.on('error', () => undefined)
  request.socket?.resetAndDestroy()
}

/** Repeats until the answer is accepted. @throws with the last one when the deadline passes */
export async function pollUntil<T>(
  ask: () => Promise<T>,
  accepts: (value: T) => boolean,
  deadlineMs = 10_000,
): Promise<T> {
  const end = Date.now() + deadlineMs
  for (;;) {
    const value = await ask()
    if (accepts(value)) return value
    if (Date.now() > end) throw new Error(`still ${JSON.stringify(value)} after ${deadlineMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
