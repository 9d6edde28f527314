/**
 * `npm run serve`: the built bundle on plain `workerd serve`, with the demo cells and storage on
 * disk. No development proxy in front: what a client sends is what the router sees.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { bundle, localBootstrap } from './build.ts'
import { printFirstSteps, publishDemoOnce } from './demo.ts'
import {
  assertPortIsFree,
  CELLS,
  EXAMPLE_TOKEN,
  ROOT,
  readPort,
  readVariables,
  runCommand,
  UsageError,
  waitUntilHealthy,
} from './local.ts'
import { findWorkerd, printServeArguments } from './workerd-binary.ts'
import { printWorkerdConfig } from './workerd-config.ts'

const LOOPBACK = new Set(['127.0.0.1', '::1', '[::1]', 'localhost'])
const SHORTEST_TOKEN = 32

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        port: { type: 'string', default: '8788' },
        host: { type: 'string', default: '127.0.0.1' },
        data: { type: 'string', default: '.data' },
        vars: { type: 'string' },
      },
    })
    return { ...values, port: readPort(values.port), data: resolve(ROOT, values.data) }
  } catch (error) {
    if (error instanceof UsageError || !(error instanceof TypeError)) throw error
    throw new UsageError(
      `${error.message}\nUsage: npm run serve -- [--port 8788] [--host 127.0.0.1] [--data .data] [--vars file]`,
    )
  }
}

/** Off loopback, strangers can reach it: nothing that is only fit for this machine may be in force. */
function assertFitForStrangers(vars: Record<string, string>, hasOwnVars: boolean): void {
  const token = vars['ADMIN_TOKEN'] ?? ''
  if (token === EXAMPLE_TOKEN)
    throw new UsageError(
      'On a non-loopback --host the example ADMIN_TOKEN is refused: set your own with --vars.',
    )
  if (token.length < SHORTEST_TOKEN)
    throw new UsageError(
      `On a non-loopback --host ADMIN_TOKEN must have at least ${SHORTEST_TOKEN} characters.`,
    )
  if (vars['ALLOW_PRIVATE_ENDPOINTS'] === 'true' && !hasOwnVars)
    throw new UsageError(
      'On a non-loopback --host ALLOW_PRIVATE_ENDPOINTS=true is refused unless a file named by --vars says so.',
    )
}

async function writeRuntime(options: ReturnType<typeof readOptions>, vars: Record<string, string>) {
  const run = join(options.data, 'run')
  const objectsDirectory = join(options.data, 'objects')
  const replicaDirectory = join(options.data, 'replica')
  for (const directory of [run, objectsDirectory, replicaDirectory])
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  const [routerBundle, cellBundle] = [join(run, 'router.js'), join(run, 'cell.js')]
  await Promise.all([
    bundle('workers/index.ts', routerBundle, { LOCAL_BOOTSTRAP: localBootstrap() }),
    bundle('workers/cell/index.ts', cellBundle),
  ])
  const config = join(run, 'workerd.capnp')
  writeFileSync(
    config,
    printWorkerdConfig({
      host:
        options.host.includes(':') && !options.host.startsWith('[')
          ? `[${options.host}]`
          : options.host,
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

/** Ends with the runtime: SIGINT and SIGTERM stop it cleanly (exit code 0). */
function superviseRuntime(child: ChildProcess): { hasEnded: () => boolean } {
  let ended = false
  let stopping = false
  const stop = () => {
    stopping = true
    child.kill('SIGTERM')
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  child.on('exit', (code, signal) => {
    ended = true
    if (!stopping) console.error(`workerd ended (${signal ?? `exit code ${code}`}).`)
    process.exit(stopping ? 0 : 1)
  })
  return { hasEnded: () => ended }
}

await runCommand(async () => {
  const options = readOptions()
  const vars = readVariables(options.vars)
  if (!LOOPBACK.has(options.host)) assertFitForStrangers(vars, options.vars !== undefined)
  await assertPortIsFree(options.port, options.host, 'npm run serve')
  const config = await writeRuntime(options, vars)
  const child = spawn(findWorkerd(), printServeArguments(config), {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...vars },
  })
  const runtime = superviseRuntime(child)
  const reachable = options.host === '0.0.0.0' || options.host === '::' ? '127.0.0.1' : options.host
  const origin = `http://${reachable}:${options.port}`
  if (!(await waitUntilHealthy(origin, 30_000, runtime.hasEnded)))
    throw new UsageError('The router did not answer /health within 30 s.')
  const token = vars['ADMIN_TOKEN'] ?? ''
  const revision = await publishDemoOnce(origin, token)
  printFirstSteps(origin, token === EXAMPLE_TOKEN ? token : '$ADMIN_TOKEN', revision)
})
