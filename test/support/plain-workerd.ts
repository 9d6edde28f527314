import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundle, localBootstrap } from '../../scripts/build.ts'
import { CELLS } from '../../scripts/local.ts'
import { findWorkerd, printServeArguments } from '../../scripts/workerd-binary.ts'
import { printWorkerdConfig } from '../../scripts/workerd-config.ts'

/** The same runtime as `npm run serve`, laid out by a test: with another coordinator if it likes. */
export interface PlainLayout {
  readonly port: number
  /** Storage, bundles and the configuration file go there. */
  readonly directory: string
  readonly vars: Readonly<Record<string, string>>
  /** A Worker that exports another class ConfigCoordinator, from the root of the repository. */
  readonly coordinator?: string
  /** A Worker that exports another class CircuitBreaker. */
  readonly breaker?: string
  /** Ports of further isolates of the router. */
  readonly others?: readonly number[]
}

export interface PlainCommand {
  readonly file: string
  readonly args: readonly string[]
  /** For the environment: the runtime takes its variables from there. */
  readonly vars: Readonly<Record<string, string>>
}

/** Bundles router, cells and coordinator, and writes the configuration of the runtime. */
export async function preparePlainWorkerd(layout: PlainLayout): Promise<PlainCommand> {
  const at = (name: string) => join(layout.directory, name)
  for (const name of ['run', 'objects', 'replica']) mkdirSync(at(name), { recursive: true })
  const routerBundle = at('run/router.js')
  const cellBundle = at('run/cell.js')
  const coordinatorBundle = at('run/coordinator.js')
  const breakerBundle = at('run/breaker.js')
  const { coordinator, breaker, others = [] } = layout
  await Promise.all([
    bundle('workers/index.ts', routerBundle, { LOCAL_BOOTSTRAP: localBootstrap() }),
    bundle('workers/cell/index.ts', cellBundle),
    coordinator === undefined ? undefined : bundle(coordinator, coordinatorBundle),
    breaker === undefined ? undefined : bundle(breaker, breakerBundle),
  ])
  const config = printWorkerdConfig({
    host: '127.0.0.1',
    port: layout.port,
    routerBundle,
    cellBundle,
    objectsDirectory: at('objects'),
    replicaDirectory: at('replica'),
    cells: CELLS,
    variables: Object.keys(layout.vars),
    allowsPrivateNetwork: true,
    others,
    ...(breaker && { breaker: { service: 'breaker', bundle: breakerBundle } }),
    ...(coordinator && { coordinator: { service: 'coordinator', bundle: coordinatorBundle } }),
  })
  writeFileSync(at('run/workerd.capnp'), config)
  const args = printServeArguments(at('run/workerd.capnp'))
  return { file: findWorkerd(), args, vars: layout.vars }
}
