import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

/** Lines of the Workers themselves: their name in brackets, then what they logged. */
const FROM_A_WORKER = /^\[cellway[\w-]*\] /
const REMINDER = /Your types might be out of date/

/**
 * Shows what the Workers log and what goes wrong, and holds wrangler's own chatter back. While
 * it starts the chatter is kept; `tell()` prints it, for when the start fails. What its tools say
 * when they are stopped in the middle of a rebuild is of no use to anybody.
 */
export function quieten(
  stdout: Readable,
  stderr: Readable,
  phase: () => 'starting' | 'ready' | 'stopping',
): { tell(): void } {
  const heldBack: string[] = []
  createInterface({ input: stdout }).on('line', (line) => {
    if (FROM_A_WORKER.test(line)) console.log(line)
    else if (phase() === 'starting') heldBack.push(line)
  })
  createInterface({ input: stderr }).on('line', (line) => {
    if (phase() !== 'stopping' && !REMINDER.test(line)) console.error(line)
  })
  return { tell: () => console.log(heldBack.join('\n')) }
}
