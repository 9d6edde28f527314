/**
 * A running router, started as a person would: `npm start` (wrangler dev) or `npm run serve`
 * (plain workerd). Each target has its own port, process group, state directory and token, so that
 * several can run at once and nothing of a developer's own router is touched.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findFreePort, ROOT } from '../../scripts/local.ts'
import { listGroup, type Member, signalGroup, waitUntilGroupEnds } from './process-group.ts'
import { printStandInCommand } from './stand-in.ts'

export const TARGET_KINDS = ['start', 'serve'] as const
export type TargetKind = (typeof TARGET_KINDS)[number]

export interface Target {
  readonly kind: TargetKind
  readonly origin: string
  readonly port: number
  /** The admin token. */
  readonly token: string
  readonly stateDirectory: string
  /** stdout and stderr so far, of every run; the router's log lines are in it. */
  output(): string
  /** The living processes of the target. */
  members(): Member[]
  /** Asks it to end, as Ctrl-C or a supervisor would; kills its process group after 10 s. */
  stop(): Promise<void>
  /** kill -9 of its own process group. */
  kill(): Promise<void>
  /** Starts it again on the same port and state directory; stops it first if it still runs. */
  restart(): Promise<void>
}

export interface TargetOptions {
  /** Added to, or in place of, the default variables. */
  readonly vars?: Readonly<Record<string, string>>
  /** Kept at stop. Without it: a new temporary directory, removed at stop. */
  readonly stateDirectory?: string
  readonly coordinator?: 'real' | 'stand-in'
}

/** What a command line is made of. */
export interface Launch {
  readonly port: number
  readonly stateDirectory: string
  readonly varsFile: string
}

export interface Command {
  readonly file: string
  readonly args: readonly string[]
}

const READY = 'Cellway is ready'
const READY_DEADLINE_MS = 60_000
const STOP_DEADLINE_MS = 10_000
const PORT_TAKEN = /is taken by another process|EADDRINUSE|Address already in use/i

export async function startTarget(kind: TargetKind, options: TargetOptions = {}): Promise<Target> {
  try {
    return await startOnce(kind, options)
  } catch (error) {
    if (!(error instanceof Error && PORT_TAKEN.test(error.message))) throw error
    return await startOnce(kind, options) // Somebody took the port between the search and the use.
  }
}

async function startOnce(kind: TargetKind, options: TargetOptions): Promise<Target> {
  const scratch = mkdtempSync(join(tmpdir(), 'cellway-test-'))
  const token = options.vars?.['ADMIN_TOKEN'] ?? randomBytes(24).toString('hex')
  const launch = {
    port: await findFreePort(),
    stateDirectory: options.stateDirectory ?? join(scratch, 'state'),
    varsFile: join(scratch, 'vars'),
  }
  writeVariables(launch.varsFile, { ...options.vars, ADMIN_TOKEN: token })
  const command = await (options.coordinator === 'stand-in' ? printStandInCommand : printCommand)(
    kind,
    launch,
  )
  const run = createRun(command, kind, scratch)
  const removeScratch = () => rmSync(scratch, { recursive: true, force: true, maxRetries: 3 })
  try {
    await run.start()
  } catch (error) {
    removeScratch()
    throw error
  }
  return {
    kind,
    origin: `http://127.0.0.1:${launch.port}`,
    port: launch.port,
    token,
    stateDirectory: launch.stateDirectory,
    output: run.output,
    members: run.members,
    stop: async () => {
      await run.stop()
      removeScratch()
    },
    kill: run.kill,
    restart: async () => {
      await run.stop()
      await run.start()
    },
  }
}

async function printCommand(kind: TargetKind, launch: Launch): Promise<Command> {
  const script = kind === 'start' ? ['start', '--'] : ['run', 'serve', '--']
  const directory = kind === 'start' ? '--state' : '--data'
  const args = ['--port', String(launch.port), directory, launch.stateDirectory]
  return { file: 'npm', args: [...script, ...args, '--vars', launch.varsFile] }
}

function writeVariables(file: string, vars: Readonly<Record<string, string>>): void {
  const all = { ENVIRONMENT: 'local', ALLOW_PRIVATE_ENDPOINTS: 'true', ...vars }
  const lines = Object.entries(all).map(([name, value]) => `${name}="${value}"\n`)
  writeFileSync(file, lines.join(''), { mode: 0o600 })
}

/** The lives of one command line, one after the other. */
function createRun(command: Command, kind: TargetKind, scratch: string) {
  let child: ChildProcess | undefined
  let watchdog: ChildProcess | undefined
  let output = ''
  const start = async () => {
    const readyFrom = output.length
    child = spawnCommand(command, scratch)
    if (child.pid !== undefined) watchdog = startWatchdog(child.pid, scratch)
    const keep = (chunk: Buffer) => {
      output += chunk.toString()
    }
    child.stdout?.on('data', keep)
    child.stderr?.on('data', keep)
    child.on('error', (error) => {
      output += `${error}\n`
    })
    const isReady = () => output.indexOf(READY, readyFrom) >= 0
    if (await waitUntilReady(child, isReady)) return
    await end('SIGKILL')
    throw new Error(`${command.file} ${command.args.join(' ')}: not ready\n${output}`)
  }
  const end = async (signal: NodeJS.Signals) => {
    const group = child?.pid
    if (group === undefined) return
    signalGroup(group, signal)
    if (!(await waitUntilGroupEnds(group, STOP_DEADLINE_MS))) {
      signalGroup(group, 'SIGKILL')
      await waitUntilGroupEnds(group, STOP_DEADLINE_MS)
    }
    watchdog?.kill('SIGKILL')
    child = undefined
  }
  return {
    start,
    stop: () => end(kind === 'start' ? 'SIGINT' : 'SIGTERM'),
    kill: () => end('SIGKILL'),
    output: () => output,
    members: () => (child?.pid === undefined ? [] : listGroup(child.pid)),
  }
}

function spawnCommand(command: Command, scratch: string): ChildProcess {
  return spawn(command.file, command.args, {
    cwd: ROOT,
    detached: true, // Its own process group, whose id is its pid.
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...readPlainEnvironment(),
      NO_COLOR: '1',
      // Two `wrangler dev` at once would otherwise find each other's cells by name.
      WRANGLER_REGISTRY_PATH: join(scratch, 'registry'),
      WRANGLER_LOG_PATH: join(scratch, 'logs'),
    },
  })
}

/**
 * Ends the group when this process ends in whichever way, a kill -9 included: the other end of its
 * standard input closes then. A target that outlived its tests would keep its port and memory.
 */
function startWatchdog(group: number, scratch: string): ChildProcess {
  const script = 'read -r _; kill -s KILL -- "-$1"; sleep 1; rm -rf "$2"'
  const args = ['-c', script, 'watchdog', String(group), scratch]
  const watchdog = spawn('/bin/sh', args, { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  watchdog.unref()
  return watchdog
}

const OWN_VARIABLE =
  /^(npm_|VITEST|NODE_ENV$|NODE_OPTIONS$|FORCE_COLOR$|TEST$|DEV$|PROD$|MODE$|SSR$)/

/** The environment of a person's shell: without what npm and vitest have put into ours. */
function readPlainEnvironment(): NodeJS.ProcessEnv {
  const environment = { ...process.env }
  for (const name of Object.keys(environment))
    if (OWN_VARIABLE.test(name)) Reflect.deleteProperty(environment, name)
  return environment
}

/** False when the command ended or the deadline passed first. */
async function waitUntilReady(child: ChildProcess, isReady: () => boolean): Promise<boolean> {
  const end = Date.now() + READY_DEADLINE_MS
  while (Date.now() < end) {
    if (isReady()) return true
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined)
      return false
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  return false
}
