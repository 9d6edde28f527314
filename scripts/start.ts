/**
 * `npm start`: the router with four demo cells in one `wrangler dev`, on loopback, offline.
 * Publishes the demo configuration once as revision 1 and prints what to try.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { parseArgs } from 'node:util'
import { localBootstrap } from './build.ts'
import { showFirstSteps } from './demo.ts'
import {
  assertPortIsFree,
  CELLS,
  findFreePort,
  ROOT,
  readPort,
  readVariables,
  runCommand,
  UsageError,
  waitUntilHealthy,
} from './local.ts'
import { quieten } from './quiet.ts'

const HOST = '127.0.0.1'

const USAGE =
  'Usage: npm start -- [--port 8787] [--state .wrangler/state] [--vars file] [--config wrangler.jsonc] [--also another-worker.jsonc]'

function readOptions() {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '8787' },
      state: { type: 'string', default: '.wrangler/state' },
      vars: { type: 'string' },
      config: { type: 'string', default: 'wrangler.jsonc' },
      also: { type: 'string', multiple: true, default: [] },
    },
  })
  return { ...values, port: readPort(values.port) }
}

async function startWrangler(
  options: ReturnType<typeof readOptions>,
  vars: Readonly<Record<string, string>>,
): Promise<ChildProcessByStdio<null, Readable, Readable>> {
  const cells = CELLS.map((cell) => `workers/cell/${cell}.jsonc`)
  const configs = [options.config, ...cells, ...options.also]
  const args = [
    'dev',
    ...configs.flatMap((config) => ['-c', resolve(ROOT, config)]),
    ...['--ip', HOST, '--port', String(options.port)],
    ...['--inspector-port', String(await findFreePort())],
    ...['--persist-to', resolve(ROOT, options.state)],
    ...['--define', `LOCAL_BOOTSTRAP:${localBootstrap()}`],
    ...(options.vars === undefined ? [] : ['--env-file', resolve(options.vars)]),
    // Of a file, wrangler passes on only the names that are in the configuration; a secret that is
    // optional cannot be.
    ...('ADMIN_READ_TOKEN' in vars
      ? ['--var', `ADMIN_READ_TOKEN:${vars['ADMIN_READ_TOKEN']}`]
      : []),
    '--show-interactive-dev-session=false',
  ]
  return spawn(join(ROOT, 'node_modules/.bin/wrangler'), args, {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      CLOUDFLARE_CF_FETCH_ENABLED: 'false',
      WRANGLER_SEND_METRICS: 'false',
      WRANGLER_HIDE_BANNER: 'true',
    },
  })
}

await runCommand(async () => {
  const options = readOptions()
  const vars = readVariables(options.vars)
  await assertPortIsFree(options.port, HOST, 'npm start')
  const child = await startWrangler(options, vars)
  let ended = false
  let exitCode: number | undefined
  let phase: 'starting' | 'ready' | 'stopping' = 'starting'
  const chatter = quieten(child.stdout, child.stderr, () => phase)
  const stop = (code: number) => {
    exitCode ??= code
    phase = 'stopping'
    child.kill('SIGINT')
  }
  process.on('SIGINT', () => stop(0))
  process.on('SIGTERM', () => stop(0))
  child.on('exit', (code) => {
    ended = true
    if (phase === 'starting') chatter.tell()
    process.exit(exitCode ?? code ?? 1)
  })
  try {
    const origin = `http://${HOST}:${options.port}`
    if (!(await waitUntilHealthy(origin, 60_000, () => ended)))
      throw new UsageError('The router did not answer /health within 60 s.')
    phase = 'ready'
    await showFirstSteps(origin, vars['ADMIN_TOKEN'] ?? '')
  } catch (error) {
    stop(1)
    throw error
  }
}, USAGE)
