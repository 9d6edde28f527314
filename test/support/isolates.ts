import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findFreePort } from '../../scripts/local.ts'
import { pollUntil, send } from './http.ts'
import { preparePlainWorkerd } from './plain-workerd.ts'

/** Several isolates of one deployment: one process, one coordinator, one breaker object each. */
export interface Isolates {
  /** Each with its own memory, on a port of its own. */
  readonly members: readonly { readonly port: number; readonly token: string }[]
  /** The log so far. */
  output(): string
  /** kill -9, and again on the same storage. */
  crash(): Promise<void>
  stop(): Promise<void>
}

const TOKEN = 'isolates-of-one-deployment-0123456789'

/** Workers with other classes, which ask a control server what to do. */
interface StandIns {
  readonly coordinator?: string
  readonly breaker?: string
  /** The URL. */
  readonly control: string
}

export async function startIsolates(count: number, standIns?: StandIns): Promise<Isolates> {
  const directory = mkdtempSync(join(tmpdir(), 'cellway-isolates-'))
  const ports: number[] = []
  while (ports.length < count) {
    const port = await findFreePort()
    if (!ports.includes(port)) ports.push(port)
  }
  const [port = 0, ...others] = ports
  const vars = {
    ADMIN_TOKEN: TOKEN,
    ENVIRONMENT: 'local',
    ALLOW_PRIVATE_ENDPOINTS: 'true',
    ...(standIns && { STAND_IN_CONTROL: standIns.control }),
  }
  const command = await preparePlainWorkerd({ ...standIns, port, others, directory, vars })
  let output = ''
  let child: ChildProcess | undefined
  const start = async () => {
    const env = { ...process.env, ...command.vars }
    child = spawn(command.file, command.args, { stdio: ['ignore', 'pipe', 'pipe'], env })
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        output += chunk.toString()
      })
    for (const one of ports)
      await pollUntil(
        () => send({ port: one }, { path: '/health' }).catch(() => undefined),
        (answer) => answer?.status === 200,
        20_000,
      )
  }
  const end = async () => {
    if (child === undefined || child.exitCode !== null) return
    const ended = new Promise((resolve) => child?.on('exit', resolve))
    child.kill('SIGKILL')
    await ended
  }
  await start()
  return {
    members: ports.map((one) => ({ port: one, token: TOKEN })),
    output: () => output,
    crash: async () => {
      await end()
      await start()
    },
    stop: async () => {
      await end()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
