/** One keep-alive connection, one exchange at a time, bytes as they are. */
import { connect } from 'node:net'

export interface Wire {
  /** Sends a head without a body; gives the answer, complete by its Content-Length. */
  ask(head: string): Promise<string>
  close(): void
}

export function openWire(port: number): Promise<Wire> {
  return new Promise((opened, failed) => {
    let text = ''
    let resolve: ((answer: string) => void) | undefined
    let reject = failed
    const socket = connect(port, '127.0.0.1')
    socket.setNoDelay(true)
    socket.on('error', (error) => reject(error))
    socket.on('close', () => reject(new Error('the connection was closed')))
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      const end = text.indexOf('\r\n\r\n')
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? Number.NaN)
      if (end === -1 || text.length < end + 4 + length) return
      const answer = text
      text = ''
      resolve?.(answer)
    })
    const ask = (head: string) =>
      new Promise<string>((res, rej) => {
        resolve = res
        reject = rej
        socket.write(head, 'latin1')
      })
    socket.on('connect', () => opened({ ask, close: () => socket.destroy() }))
  })
}
