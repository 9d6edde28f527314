/** One transfer through the server, timed, with the server's CPU time and peak memory over it. */
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { answer } from './children.ts'
import { readCpuNs, readMemory } from './cpu-time.ts'
import { followBody, readContentLength, writeBody } from './stream-body.ts'

export interface Transfer {
  readonly port: number
  readonly serverPid: number
  readonly direction: 'down' | 'up'
  readonly bytes: number
  readonly isChunked: boolean
  readonly routingKey: string
}

export interface TransferResult {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly peakBytes: number
}

function printHead({ direction, bytes, isChunked, routingKey }: Transfer): string {
  const kind = isChunked ? 'chunked' : 'length'
  const start = direction === 'down' ? `GET /down/${bytes}/${kind}` : 'POST /up'
  const framing = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${bytes}`
  const lines = [`${start} HTTP/1.1`, 'Host: bench', `X-Routing-Key: ${routingKey}`]
  if (direction === 'up') lines.push(framing)
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** Resolves with the bytes of the answer's body, framing included, when it is whole. */
function exchange(transfer: Transfer): Promise<number> {
  return new Promise((resolve, reject) => {
    let head = ''
    let body: ReturnType<typeof followBody> | undefined
    const socket = connect(transfer.port, '127.0.0.1', () => {
      socket.write(printHead(transfer))
      if (transfer.direction === 'up') writeBody(socket, transfer.bytes, transfer.isChunked)
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('the connection was closed too early')))
    socket.on('data', (chunk) => {
      let part = chunk
      if (body === undefined) {
        const before = head.length
        head += chunk.toString('latin1', 0, 16_384)
        const end = head.indexOf('\r\n\r\n')
        if (end === -1) return
        if (!head.startsWith('HTTP/1.1 200')) reject(new Error(head.slice(0, 500)))
        body = followBody(readContentLength(head.slice(0, end + 2)))
        part = chunk.subarray(end + 4 - before)
      }
      if (!body.isWholeWith(part)) return
      socket.destroy()
      resolve(body.received())
    })
  })
}

async function transfer(order: Transfer): Promise<TransferResult> {
  writeFileSync(`/proc/${order.serverPid}/clear_refs`, '5') // The peak starts anew.
  const cpuBefore = readCpuNs(order.serverPid)
  const startedAt = performance.now()
  const received = await exchange(order)
  const seconds = (performance.now() - startedAt) / 1000
  if (order.direction === 'down' && received < order.bytes)
    throw new Error(`only ${received} bytes`)
  return {
    seconds,
    cpuSeconds: (readCpuNs(order.serverPid) - cpuBefore) / 1e9,
    peakBytes: readMemory(order.serverPid).peak,
  }
}

answer(transfer)
