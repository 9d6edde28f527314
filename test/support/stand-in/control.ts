import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pollUntil } from '../http.ts'
import type { Gate, Order } from './orders.ts'

/** "hang": the question is not answered, and so the coordinator does not answer either. */
export type Mode = Order['act'] | 'hang'

export interface Question {
  readonly gate: Gate
  readonly mode: Mode
  /** Which life of the object asks. */
  readonly life: string
  /** The revision that the isolate holds; 0 at the publish gates. */
  readonly revision: number
  /** Milliseconds since the epoch. */
  readonly at: number
}

export interface Control {
  /** For the variable STAND_IN_CONTROL. */
  readonly url: string
  readonly questions: readonly Question[]
  /** From now on. Whoever hangs at the gate is told to throw. */
  set(gate: Gate, mode: Mode): void
  /** Everything passes again, and no document waits. */
  reset(): void
  /** The object publishes it by itself at its next refresh: no isolate hears of it before. */
  publishAtNextRefresh(document: string): void
  /** Does the work, and waits until the gate was asked `count` times more than before it. */
  waitForQuestions(gate: Gate, count: number, work?: () => Promise<unknown>): Promise<void>
  close(): Promise<void>
}

/** The server that a stand-in coordinator asks what to do. Everything passes until told otherwise. */
export async function startControl(): Promise<Control> {
  const modes = new Map<Gate, Mode>()
  const turns = new Map<string, number>()
  const questions: Question[] = []
  const hanging = new Map<ServerResponse, Gate>()
  let document: string | undefined

  const answer = (response: ServerResponse, order: Order) => response.end(JSON.stringify(order))
  const release = (response: ServerResponse) => answer(response, { act: 'throw', turn: 0 })
  const decide = (gate: Gate, mode: Order['act']): Order => {
    const turn = turns.get(`${gate} ${mode}`) ?? 0
    turns.set(`${gate} ${mode}`, turn + 1)
    const waiting = gate === 'refresh' && mode === 'pass' ? document : undefined
    if (waiting === undefined) return { act: mode, turn }
    document = undefined
    return { act: mode, turn, document: waiting }
  }

  const server = createServer((message, response) => {
    const query = new URL(message.url ?? '/', 'http://control').searchParams
    const gate = query.get('gate') as Gate
    const mode = modes.get(gate) ?? 'pass'
    const life = query.get('life') ?? ''
    questions.push({ gate, mode, life, revision: Number(query.get('revision')), at: Date.now() })
    if (mode !== 'hang') return answer(response, decide(gate, mode))
    hanging.set(response, gate)
    return response.on('close', () => hanging.delete(response))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const countAt = (gate: Gate) => questions.filter((asked) => asked.gate === gate).length

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    questions,
    set: (gate, mode) => {
      modes.set(gate, mode)
      for (const [response, hangsAt] of hanging) if (hangsAt === gate) release(response)
    },
    reset: () => {
      modes.clear()
      document = undefined
      for (const response of hanging.keys()) release(response)
    },
    publishAtNextRefresh: (text) => {
      document = text
    },
    waitForQuestions: async (gate, count, work = async () => undefined) => {
      const wanted = countAt(gate) + count
      await work()
      await pollUntil(
        async () => countAt(gate),
        (asked) => asked >= wanted,
        20_000,
      )
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
