/**
 * The upstream of the CPU benchmark, in its own process: raw sockets, keep-alive, one answer of
 * 512 bytes with the headers of an ordinary API. `/echo` answers with the head it received.
 */
import { createServer, type Socket } from 'node:net'
import { answer } from './children.ts'

const BODY = JSON.stringify({ items: 'x'.repeat(500) })
const HEADERS = [
  'Date: Fri, 20 Nov 2026 12:00:00 GMT',
  'Content-Type: application/json; charset=utf-8',
  'Cache-Control: private, max-age=0, must-revalidate',
  'ETag: "5d8c72a5edda8d6a"',
  'Vary: Accept-Encoding, Origin',
  'X-Content-Type-Options: nosniff',
  'Strict-Transport-Security: max-age=31536000; includeSubDomains',
  'Connection: keep-alive',
]
const print = (body: string) =>
  Buffer.from(
    ['HTTP/1.1 200 OK', ...HEADERS, `Content-Length: ${body.length}`, '', body].join('\r\n'),
    'latin1',
  )
const ANSWER = print(BODY)
const END = Buffer.from('\r\n\r\n')

/** GET without a body only: a request is whole when the bytes end with an empty line. */
function serve(socket: Socket): void {
  let held: Buffer | undefined
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk) => {
    const head = held === undefined ? chunk : Buffer.concat([held, chunk])
    if (!head.subarray(-END.length).equals(END)) {
      held = head
      return
    }
    held = undefined
    socket.write(
      head.subarray(4, 9).toString('latin1') === '/echo' ? print(head.toString('latin1')) : ANSWER,
    )
  })
}

answer(
  () =>
    new Promise((resolve) => {
      const server = createServer(serve)
      server.listen(0, '127.0.0.1', () =>
        resolve({ port: (server.address() as { port: number }).port }),
      )
    }),
)
