import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { experimental_readRawConfig as readRawConfig } from 'wrangler'
import { ROOT, readVariables } from '../../scripts/local.ts'
import type { Command, Launch, TargetKind } from './targets.ts'

const NAME = 'cellway-stand-in'

/**
 * The command that starts a target whose coordinator is a stand-in Worker (stand-in/worker.ts).
 * The router is the shipped one; only its binding CONFIG names another script. Needs the variable
 * STAND_IN_CONTROL: the URL of a control server.
 */
export async function printStandInCommand(kind: TargetKind, launch: Launch): Promise<Command> {
  const { port, stateDirectory, varsFile } = launch
  const common = ['--port', String(port), '--vars', varsFile]
  if (kind === 'serve') {
    const script = join(ROOT, 'test/support/stand-in/serve.ts')
    return { file: process.execPath, args: [script, ...common, '--data', stateDirectory] }
  }
  const { router, standIn } = writeConfigs(dirname(varsFile), readVariables(varsFile))
  const configs = ['--config', router, '--also', standIn]
  return {
    file: 'npm',
    args: ['start', '--', ...common, '--state', stateDirectory, ...configs],
  }
}

/** The router's own configuration, moved, with the class behind CONFIG in another script. */
function writeConfigs(directory: string, vars: Readonly<Record<string, string>>) {
  const { rawConfig } = readRawConfig({ config: join(ROOT, 'wrangler.jsonc') })
  const namespaces = [{ binding: 'SNAPSHOT', id: 'stand-in-replica' }]
  const { $schema: _, secrets: __, exports, services, ...rest } = rawConfig
  const object = { name: 'CONFIG', class_name: 'ConfigCoordinator' }
  const router = join(directory, 'router.json')
  const routerConfig = {
    ...rest,
    services,
    exports,
    main: join(ROOT, 'workers/index.ts'),
    kv_namespaces: namespaces,
    durable_objects: {
      bindings: [
        { ...object, script_name: NAME },
        { name: 'BREAKER', class_name: 'CircuitBreaker' },
      ],
    },
  }
  const standIn = join(directory, 'stand-in.json')
  const standInConfig = {
    name: NAME,
    main: join(ROOT, 'test/support/stand-in/worker.ts'),
    compatibility_date: rest.compatibility_date,
    send_metrics: false,
    exports: { ConfigCoordinator: exports?.['ConfigCoordinator'] },
    services,
    kv_namespaces: namespaces,
    durable_objects: { bindings: [object] },
    vars,
  }
  writeFileSync(router, JSON.stringify(routerConfig))
  writeFileSync(standIn, JSON.stringify(standInConfig), { mode: 0o600 })
  return { router, standIn }
}
