import { type ChildProcess, spawn } from 'node:child_process'
import { findFreePort, waitUntilHealthy } from '../../scripts/local.ts'
import { preparePlainWorkerd } from '../support/plain-workerd.ts'
import { signalGroup, waitUntilGroupEnds } from '../support/process-group.ts'

/** A router on plain workerd in a process group of its own, with one life after the other. */
export interface Router {
  readonly port: number
  readonly token: string
  /** What the runtime wrote so far. */
  output(): string
  start(): Promise<void>
  /** kill -9 of its process group. */
  kill(): Promise<void>
}

const START_DEADLINE_MS = 20_000
const END_DEADLINE_MS = 10_000
const KEPT_OUTPUT = 20_000

/** `coordinator`: a Worker in place of the shipped class, from the root of the repository. */
export async function layOutRouter(directory: string, coordinator?: string): Promise<Router> {
  const port = await findFreePort()
  const token = 'a-token-for-the-crash-test-of-32-characters'
  const vars = { ADMIN_TOKEN: token, ENVIRONMENT: 'local', ALLOW_PRIVATE_ENDPOINTS: 'true' }
  const layout = { port, directory, vars }
  const command = await preparePlainWorkerd(coordinator ? { ...layout, coordinator } : layout)
  let child: ChildProcess | undefined
  let output = ''
  const kill = async () => {
    const group = child?.pid
    child = undefined
    if (group === undefined) return
    signalGroup(group, 'SIGKILL')
    if (!(await waitUntilGroupEnds(group, END_DEADLINE_MS)))
      throw new Error(`process group ${group} survived SIGKILL`)
  }
  process.once('exit', () => {
    if (child?.pid !== undefined) signalGroup(child.pid, 'SIGKILL')
  })
  return {
    port,
    token,
    output: () => output,
    kill,
    start: async () => {
      const started = spawn(command.file, command.args, {
        detached: true, // Its own process group, whose id is its pid.
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, ...command.vars },
      })
      child = started
      const keep = (chunk: Buffer) => {
        output = (output + chunk.toString()).slice(-KEPT_OUTPUT)
      }
      started.stdout.on('data', keep)
      started.stderr.on('data', keep)
      const hasEnded = () => started.exitCode !== null || started.signalCode !== null
      if (await waitUntilHealthy(`http://127.0.0.1:${port}`, START_DEADLINE_MS, hasEnded)) return
      throw new Error(`the router did not start again\n${output}`)
    },
  }
}
