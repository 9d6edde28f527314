/** The processes a benchmark starts. Each ends with it, by its own id: nothing else is touched. */
import { type ChildProcess, fork, type SpawnOptions, spawn } from 'node:child_process'
import { join } from 'node:path'

const running = new Set<ChildProcess>()

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))

export function own(child: ChildProcess): ChildProcess {
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}

export function start(
  command: string,
  args: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  return own(spawn(command, args, options))
}

export async function stop(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill(signal)
  await ended
}

/** A forked script that answers each message with one message, in order. */
export interface Peer {
  readonly child: ChildProcess
  ask<Answer>(question: object): Promise<Answer>
}

export function forkPeer(script: string): Peer {
  const child = own(fork(join(import.meta.dirname, script), { stdio: 'inherit' }))
  return {
    child,
    ask: <Answer>(question: object) =>
      new Promise<Answer>((resolve, reject) => {
        const onExit = () => reject(new Error(`${script} ended`))
        child.once('exit', onExit)
        child.once('message', (answer) => {
          child.off('exit', onExit)
          resolve(answer as Answer)
        })
        child.send(question)
      }),
  }
}

/** Serves `ask` on the other side; the script ends with its parent. */
export function answer<Question>(reply: (question: Question) => Promise<object>): void {
  process.on('disconnect', () => process.exit(0))
  process.on('message', (question) => {
    reply(question as Question).then(
      (result) => process.send?.(result),
      (error) => {
        console.error(error)
        process.exit(1)
      },
    )
  })
}
