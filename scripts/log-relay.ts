import { fstatSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'

/** So much of the log waits for a reader that has stopped reading; what comes then is dropped. */
const MOST_WAITING_BYTES = 1024 * 1024

/** Of standard output or error: a pipe's reader may stop reading, and would stop its writer. */
export function isPipe(descriptor: 1 | 2): boolean {
  const stat = fstatSync(descriptor)
  return stat.isFIFO() || stat.isSocket()
}

/** Node writes to its own pipes synchronously; through this, a full one keeps nobody waiting. */
export const openWithoutBlocking = (descriptor: 1 | 2): Writable =>
  new Socket({ fd: descriptor, readable: false, writable: true }).on('error', () => undefined)

/**
 * Passes whole lines on while somebody reads them. A reader that lags behind loses lines, and is
 * told how many; the router never waits for it.
 */
export function relayLines(from: Readable, to: Writable): void {
  let rest = ''
  let dropped = 0
  from.setEncoding('utf8')
  from.on('data', (chunk: string) => {
    const end = chunk.lastIndexOf('\n') + 1
    if (end === 0) {
      rest += chunk
      return
    }
    const lines = rest + chunk.slice(0, end)
    rest = chunk.slice(end)
    if (to.writableLength > MOST_WAITING_BYTES) {
      dropped += lines.split('\n').length - 1
      return
    }
    if (dropped > 0) to.write(`${JSON.stringify({ event: 'log_lines_dropped', count: dropped })}\n`)
    dropped = 0
    to.write(lines)
  })
}
