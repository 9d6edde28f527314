/**
 * `npm run serve`: the built bundle on plain `workerd serve`, with the demo cells and storage on
 * disk. No development proxy in front: what a client sends is what the router sees.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { bundle, localBootstrap } from './build.ts'
import { showFirstSteps } from './demo.ts'
import {
  assertPortIsFree,
  CELLS,
  ROOT,
  readPort,
  readVariables,
  runCommand,
  UsageError,
  waitUntilHealthy,
} from './local.ts'
import { isPipe, openWithoutBlocking, relayLines } from './log-relay.ts'
import { assertFitForStrangers, isLoopback } from './strangers.ts'
import { findWorkerd, printServeArguments } from './workerd-binary.ts'
import { printWorkerdConfig } from './workerd-config.ts'

const USAGE =
  'Usage: npm run serve -- [--port 8788] [--host 127.0.0.1] [--data .data] [--vars file]'

interface Options {
  readonly port: number
  /** Without the brackets of an IPv6 address. */
  readonly host: string
  readonly data: string
  readonly vars: string | undefined
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '8788' },
      host: { type: 'string', default: '127.0.0.1' },
      data: { type: 'string', default: '.data' },
      vars: { type: 'string' },
    },
  })
  return {
    port: readPort(values.port),
    host: values.host.replace(/^\[(.*)\]$/, '$1'),
    data: resolve(ROOT, values.data),
    vars: values.vars,
  }
}

const printHost = (host: string): string => (host.includes(':') ? `[${host}]` : host)

async function writeRuntime(options: Options, vars: Readonly<Record<string, string>>) {
  const run = join(options.data, 'run')
  const objectsDirectory = join(options.data, 'objects')
  const replicaDirectory = join(options.data, 'replica')
  for (const directory of [run, objectsDirectory, replicaDirectory])
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  const [routerBundle, cellBundle] = [join(run, 'router.js'), join(run, 'cell.js')]
  await Promise.all([
    bundle(
      'workers/index.ts',
      routerBundle,
      isLoopback(options.host) ? { LOCAL_BOOTSTRAP: localBootstrap() } : {},
    ),
    bundle('workers/cell/index.ts', cellBundle),
  ])
  const config = join(run, 'workerd.capnp')
  writeFileSync(
    config,
    printWorkerdConfig({
      host: printHost(options.host),
      port: options.port,
      routerBundle,
      cellBundle,
      objectsDirectory,
      replicaDirectory,
      cells: CELLS,
      variables: Object.keys(vars).filter((name) => name !== 'PLATFORM'),
      allowsPrivateNetwork: vars['ALLOW_PRIVATE_ENDPOINTS'] === 'true',
    }),
  )
  return config
}

interface Runtime {
  hasEnded(): boolean
  /** Ends this process with that code, once the runtime has ended. */
  stop(exitCode: number): void
}

/** Ends with the runtime: SIGINT and SIGTERM stop it cleanly (exit code 0). */
function superviseRuntime(child: ChildProcess): Runtime {
  let hasEnded = false
  let exitCode: number | undefined
  const stop = (code: number) => {
    exitCode ??= code
    child.kill('SIGTERM')
  }
  process.on('SIGINT', () => stop(0))
  process.on('SIGTERM', () => stop(0))
  child.on('exit', (code, signal) => {
    hasEnded = true
    if (exitCode === undefined) console.error(`workerd ended (${signal ?? `exit code ${code}`}).`)
    process.exit(exitCode ?? 1)
  })
  return { hasEnded: () => hasEnded, stop }
}

async function welcome(
  options: Options,
  vars: Readonly<Record<string, string>>,
  runtime: Runtime,
): Promise<void> {
  const anyAddress = new Map([
    ['0.0.0.0', '127.0.0.1'],
    ['::', '::1'],
  ])
  const origin = `http://${printHost(anyAddress.get(options.host) ?? options.host)}:${options.port}`
  if (!(await waitUntilHealthy(origin, 30_000, runtime.hasEnded)))
    throw new UsageError('The router did not answer /health within 30 s.')
  if (isLoopback(options.host)) await showFirstSteps(origin, vars['ADMIN_TOKEN'] ?? '')
  else
    console.log(`
Cellway is ready on ${origin}. Strangers can reach it, so it has no demo configuration, neither
published nor bundled: publish your own to /admin/config. SIGTERM stops it.
`)
}

await runCommand(async () => {
  const options = readOptions()
  const vars = readVariables(options.vars)
  if (!isLoopback(options.host)) assertFitForStrangers(vars, options.vars !== undefined)
  await assertPortIsFree(options.port, options.host, 'npm run serve')
  const config = await writeRuntime(options, vars)
  const child = spawn(findWorkerd(), printServeArguments(config), {
    stdio: ['ignore', isPipe(1) ? 'pipe' : 'inherit', isPipe(2) ? 'pipe' : 'inherit'],
    env: { ...process.env, ...vars },
  })
  if (child.stdout !== null) relayLines(child.stdout, openWithoutBlocking(1))
  if (child.stderr !== null) relayLines(child.stderr, openWithoutBlocking(2))
  const runtime = superviseRuntime(child)
  try {
    await welcome(options, vars, runtime)
  } catch (error) {
    runtime.stop(1)
    throw error
  }
}, USAGE)
