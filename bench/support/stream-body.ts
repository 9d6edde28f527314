import type { Socket } from 'node:net'

const PIECE_BYTES = 256 * 1024
const PIECE = Buffer.alloc(PIECE_BYTES, 'x')
const CHUNK = Buffer.concat([
  Buffer.from(`${PIECE_BYTES.toString(16)}\r\n`),
  PIECE,
  Buffer.from('\r\n'),
])

/** The bodies sent here hold nothing but "x", so the end of a chunked one occurs only once. */
const LAST_CHUNK = Buffer.from('\r\n0\r\n\r\n')

/**
 * Follows a body on the wire, framing included: tells when it is whole. `expected` is its
 * Content-Length; undefined: chunked.
 */
export function followBody(expected: number | undefined) {
  let received = 0
  let tail: Buffer = Buffer.alloc(0)
  return {
    received: () => received,
    isWholeWith(chunk: Buffer): boolean {
      received += chunk.length
      if (expected !== undefined) return received >= expected
      tail =
        chunk.length >= LAST_CHUNK.length
          ? chunk.subarray(-LAST_CHUNK.length)
          : Buffer.concat([tail, chunk]).subarray(-LAST_CHUNK.length)
      return tail.equals(LAST_CHUNK)
    },
  }
}

export function readContentLength(head: string): number | undefined {
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1]
  return length === undefined ? undefined : Number(length)
}

/** Writes a body (a multiple of 256 KiB) as fast as the reader takes it. */
export function writeBody(socket: Socket, bytes: number, isChunked: boolean): void {
  let left = bytes / PIECE_BYTES
  const pump = () => {
    while (left > 0) {
      left -= 1
      if (!socket.write(isChunked ? CHUNK : PIECE)) {
        socket.once('drain', pump)
        return
      }
    }
    if (isChunked) socket.write('0\r\n\r\n')
  }
  pump()
}
