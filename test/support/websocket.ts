/**
 * As much of RFC 6455 as an echo over a router needs: the handshake of both sides and short text
 * frames (one frame per message, payload below 64 KiB). Both sides show raw headers, which the
 * platform's WebSocket does not.
 */
import { createHash, randomBytes } from 'node:crypto'
import { request as createRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Listener } from './http.ts'

const ACCEPT_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const TEXT = 1
const CLOSE = 8

interface Frame {
  readonly opcode: number
  readonly payload: Buffer
}

/** Completes the handshake and sends every text message back. */
export function echoWebSocket(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  extraHeaders: readonly string[] = [],
): void {
  const key = request.headers['sec-websocket-key'] ?? ''
  const accept = createHash('sha1').update(`${key}${ACCEPT_SUFFIX}`).digest('base64')
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${accept}`,
    ...extraHeaders,
  ]
  socket.on('error', () => undefined) // The router may cut it; there is nobody to tell.
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  readFrames(socket, head, (frame) => {
    socket.write(encodeFrame(frame))
    if (frame.opcode === CLOSE) socket.end()
  })
}

export interface WebSocketCall {
  /** Headers of the 101, names in lower case. */
  readonly headers: IncomingMessage['headers']
  say(text: string): void
  /** The next text message. */
  hear(): Promise<string>
  /** Sends a close frame and waits until the connection has ended. */
  close(): Promise<void>
  /** Settles when the connection has ended, whoever ended it. */
  readonly ended: Promise<void>
}

/** @throws with the status when the answer is not 101 */
export async function openWebSocket(
  listener: Listener,
  path: string,
  headers: OutgoingHttpHeaders,
): Promise<WebSocketCall> {
  const request = createRequest({
    host: '127.0.0.1',
    port: listener.port,
    agent: false,
    path,
    headers: {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
      ...headers,
    },
  })
  request.end()
  const [message, socket, head] = await new Promise<[IncomingMessage, Duplex, Buffer]>(
    (resolve, reject) => {
      request.on('upgrade', (...upgraded) => resolve(upgraded))
      request.on('response', (response) => {
        response.resume()
        reject(new Error(`no upgrade: ${response.statusCode}`))
      })
      request.on('error', reject)
    },
  )
  return talk(message, socket, head)
}

function talk(message: IncomingMessage, socket: Duplex, head: Buffer): WebSocketCall {
  const heard: string[] = []
  const waiting: ((text: string) => void)[] = []
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.on('error', () => undefined)
  readFrames(socket, head, (frame) => {
    if (frame.opcode === CLOSE) socket.end()
    if (frame.opcode !== TEXT) return
    const text = frame.payload.toString()
    const next = waiting.shift()
    if (next === undefined) heard.push(text)
    else next(text)
  })
  return {
    headers: message.headers,
    say: (text) => {
      socket.write(encodeFrame({ opcode: TEXT, payload: Buffer.from(text) }, randomBytes(4)))
    },
    hear: () => {
      const text = heard.shift()
      return text === undefined
        ? new Promise((resolve) => waiting.push(resolve))
        : Promise.resolve(text)
    },
    close: () => {
      socket.write(encodeFrame({ opcode: CLOSE, payload: Buffer.from([3, 232]) }, randomBytes(4)))
      return ended
    },
    ended,
  }
}

function readFrames(socket: Duplex, head: Buffer, onFrame: (frame: Frame) => void): void {
  let rest = head
  const drain = () => {
    for (let read = decodeFrame(rest); read !== null; read = decodeFrame(rest)) {
      rest = rest.subarray(read.byteLength)
      onFrame(read.frame)
    }
  }
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    drain()
  })
  drain()
}

/** The first frame of the bytes, or null while it is incomplete. */
function decodeFrame(bytes: Buffer): { frame: Frame; byteLength: number } | null {
  if (bytes.length < 2) return null
  const short = bytes.readUInt8(1) & 0x7f
  const isMasked = bytes.readUInt8(1) >= 0x80
  const start = 2 + (short === 126 ? 2 : 0) + (isMasked ? 4 : 0)
  if (bytes.length < start) return null
  const length = short === 126 ? bytes.readUInt16BE(2) : short
  if (bytes.length < start + length) return null
  const payload = Buffer.from(bytes.subarray(start, start + length))
  if (isMasked) applyMask(payload, bytes.subarray(start - 4, start))
  return { frame: { opcode: bytes.readUInt8(0) & 0x0f, payload }, byteLength: start + length }
}

/** Clients mask, servers do not (section 5.1). */
function encodeFrame({ opcode, payload }: Frame, mask?: Buffer): Buffer {
  const flag = mask === undefined ? 0 : 0x80
  const header =
    payload.length < 126
      ? Buffer.from([0x80 | opcode, flag | payload.length])
      : Buffer.from([0x80 | opcode, flag | 126, payload.length >> 8, payload.length & 0xff])
  if (mask === undefined) return Buffer.concat([header, payload])
  const masked = Buffer.from(payload)
  applyMask(masked, mask)
  return Buffer.concat([header, mask, masked])
}

function applyMask(bytes: Buffer, mask: Buffer): void {
  for (let index = 0; index < bytes.length; index++)
    bytes.writeUInt8(bytes.readUInt8(index) ^ mask.readUInt8(index % 4), index)
}
