/**
 * The upstream of the streaming benchmark: `GET /down/<bytes>/<length|chunked>` sends a body of
 * that size, `POST` counts the body and answers with the count. Raw sockets, so that it is faster
 * than what it feeds.
 */
import { createServer, type Socket } from 'node:net'
import { answer } from './children.ts'
import { followBody, readContentLength, writeBody } from './stream-body.ts'

const HEAD_END = Buffer.from('\r\n\r\n')

type Upload = ReturnType<typeof followBody>

function serve(socket: Socket): void {
  let head = Buffer.alloc(0)
  let upload: Upload | undefined
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk) => {
    if (upload !== undefined) {
      upload = receive(socket, upload, chunk)
      return
    }
    head = Buffer.concat([head, chunk])
    const end = head.indexOf(HEAD_END)
    if (end === -1) return
    const text = head.toString('latin1', 0, end + 2)
    const rest = head.subarray(end + HEAD_END.length)
    head = Buffer.alloc(0)
    if (text.startsWith('GET ')) sendDown(socket, text)
    else upload = receive(socket, followBody(readContentLength(text)), rest)
  })
}

function sendDown(socket: Socket, head: string): void {
  const [, bytes = '0', kind] = /^GET \/down\/(\d+)\/(\w+)/.exec(head) ?? []
  const isChunked = kind === 'chunked'
  const framing = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${bytes}`
  socket.write(`HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n${framing}\r\n\r\n`)
  writeBody(socket, Number(bytes), isChunked)
}

/** Answers when the body is whole; undefined then. */
function receive(socket: Socket, upload: Upload, chunk: Buffer): Upload | undefined {
  if (!upload.isWholeWith(chunk)) return upload
  const body = String(upload.received())
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  return undefined
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
