/** What one isolate of a runtime retains, asked over its inspector. Needs the V8 flag --expose-gc. */

export interface Heap {
  /** Objects and strings on the heap of JavaScript. */
  readonly heapBytes: number
  /** Array buffers, outside that heap. */
  readonly bufferBytes: number
}

interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: { readonly context: { readonly id: number } }
  readonly result?: { readonly usedSize: number; readonly backingStorageSize: number }
}

/** After a full garbage collection. */
export function readHeap(inspectorPort: number, worker: string): Promise<Heap> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${inspectorPort}/${worker}`)
    const send = (id: number, method: string, params: object = {}) =>
      socket.send(JSON.stringify({ id, method, params }))
    const usage = 4
    socket.addEventListener('error', () => reject(new Error('the inspector does not answer')))
    socket.addEventListener('open', () => send(1, 'Runtime.enable'))
    socket.addEventListener('message', ({ data: text }) => {
      const message = JSON.parse(String(text)) as Message
      if (message.method === 'Runtime.executionContextCreated') {
        const contextId = message.params?.context.id
        for (const id of [2, 3]) send(id, 'Runtime.evaluate', { expression: 'gc()', contextId })
        send(usage, 'Runtime.getHeapUsage')
      }
      if (message.id !== usage || message.result === undefined) return
      socket.close()
      const { usedSize, backingStorageSize } = message.result
      resolve({ heapBytes: usedSize, bufferBytes: backingStorageSize })
    })
  })
}
