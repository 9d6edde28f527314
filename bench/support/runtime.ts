/** One workerd process with any number of Workers, each on a socket of its own. */
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundle } from '../../scripts/build.ts'
import { findFreePort } from '../../scripts/local.ts'
import { findWorkerd } from '../../scripts/workerd-binary.ts'
import { start, stop } from './children.ts'

export interface Variant {
  readonly name: string
  /** Path of the entry point, from the root of the repository. */
  readonly entry: string
  /** Constants of its bundle. */
  readonly define?: Record<string, string>
  readonly flags?: readonly string[]
  /** Lines of Cap'n Proto text. */
  readonly bindings?: readonly string[]
  /** Exports the coordinator's class and has storage for it. */
  readonly hasObjects?: boolean
  /** Has the router's bindings, a replica of its own among them. */
  readonly isRouter?: boolean
  /** The variant whose coordinator a router asks; its own when not named. */
  readonly coordinator?: string
  /** The directory of its storage and replica, when it is to outlive the runtime. */
  readonly storage?: string
}

export interface Runtime {
  readonly child: ChildProcess
  readonly pid: number
  readonly ports: ReadonlyMap<string, number>
  stop(): Promise<void>
}

/** Another build of the router can be measured in its place: `BENCH_ROUTER=path npm run bench`. */
export const ROUTER_ENTRY = process.env['BENCH_ROUTER'] ?? 'workers/index.ts'
export const ADMIN_TOKEN = 'bench-only-token-of-enough-characters'

/** A directory for bundles and storage that goes away with the benchmark. */
export function makeScratchDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'cellway-bench-'))
  process.on('exit', () => rmSync(path, { recursive: true, force: true }))
  return path
}

export async function bundleVariants(
  variants: readonly Variant[],
  directory: string,
): Promise<void> {
  mkdirSync(directory, { recursive: true })
  for (const { name, entry, define } of variants)
    await bundle(entry, join(directory, `${name}.js`), define)
}

export interface RuntimeOptions {
  readonly v8Flags?: readonly string[]
  readonly inspectorPort?: number
}

/** Expects the bundles in `directory`. The runtime's output goes to /dev/null, its errors to a file. */
export async function startRuntime(
  variants: readonly Variant[],
  directory: string,
  { v8Flags = [], inspectorPort }: RuntimeOptions = {},
): Promise<Runtime> {
  const ports = new Map<string, number>()
  for (const { name } of variants) ports.set(name, await findFreePort())
  const config = join(directory, 'workerd.capnp')
  writeFileSync(config, printConfig(variants, directory, ports, v8Flags))
  const errors = join(directory, 'stderr.log')
  const inspector = inspectorPort === undefined ? [] : ['-i', `127.0.0.1:${inspectorPort}`]
  const child = start(findWorkerd(), ['serve', '--experimental', ...inspector, config], {
    stdio: ['ignore', 'ignore', openSync(errors, 'w')],
  })
  child.once('exit', (code) => {
    if (code !== null && code !== 0) console.error(readFileSync(errors, 'utf8').slice(0, 4000))
  })
  return { child, pid: child.pid ?? -1, ports, stop: () => stop(child) }
}

const COMPATIBILITY = 'compatibilityDate = "2026-10-20"'
const quote = (text: string): string => JSON.stringify(text)

function printConfig(
  variants: readonly Variant[],
  directory: string,
  ports: ReadonlyMap<string, number>,
  v8Flags: readonly string[],
): string {
  const services = variants.map(
    ({ name }, i) => `    (name = ${quote(name)}, worker = .worker${i}),`,
  )
  const sockets = variants.map(
    ({ name }, i) =>
      `    (name = "s${i}", address = "127.0.0.1:${ports.get(name)}", http = (), service = ${quote(name)}),`,
  )
  const disks = variants.flatMap((variant, i) => printDisks(variant, i, directory))
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  v8Flags = [${v8Flags.map(quote).join(', ')}],
  services = [
${[...services, ...disks].join('\n')}
    (name = "internet", network = (allow = ["public", "private"])),
  ],
  sockets = [
${sockets.join('\n')}
  ]
);
${variants.map((variant, i) => printWorker(variant, i)).join('\n')}`
}

const keepsObjects = (variant: Variant): boolean =>
  variant.hasObjects === true || variant.isRouter === true

function printDisks(variant: Variant, i: number, directory: string): string[] {
  const storage = variant.storage ?? join(directory, variant.name)
  const kinds = [keepsObjects(variant) ? 'objects' : [], variant.isRouter ? 'replica' : []].flat()
  return kinds.map((kind) => {
    const path = join(storage, kind)
    mkdirSync(path, { recursive: true })
    return `    (name = "${kind}${i}", disk = (path = ${quote(path)}, writable = true)),`
  })
}

function printWorker(variant: Variant, i: number): string {
  const bindings = [
    ...(variant.bindings ?? []),
    ...(variant.isRouter ? printRouterBindings(variant, i) : []),
  ]
  const objects = `
  durableObjectNamespaces = [${printNamespaces(variant)}],
  durableObjectStorage = (localDisk = "objects${i}"),`
  return `const worker${i} :Workerd.Worker = (
  modules = [(name = "main.js", esModule = embed ${quote(`${variant.name}.js`)})],
  ${COMPATIBILITY},
  compatibilityFlags = [${(variant.flags ?? []).map(quote).join(', ')}],${keepsObjects(variant) ? objects : ''}
  bindings = [${bindings.join(', ')}]
);`
}

/** A router has its breakers beside it; its coordinator may be elsewhere. */
function printNamespaces({ name, coordinator, isRouter }: Variant): string {
  const print = (className: string) =>
    `(className = "${className}", uniqueKey = "bench-${name}-${className}", enableSql = true)`
  const own = coordinator === undefined ? [print('ConfigCoordinator')] : []
  return [...own, ...(isRouter ? [print('CircuitBreaker')] : [])].join(', ')
}

function printRouterBindings({ coordinator }: Variant, i: number): string[] {
  const namespace =
    coordinator === undefined
      ? '"ConfigCoordinator"'
      : `(className = "ConfigCoordinator", serviceName = ${quote(coordinator)})`
  return [
    `(name = "CONFIG", durableObjectNamespace = ${namespace})`,
    '(name = "BREAKER", durableObjectNamespace = "CircuitBreaker")',
    `(name = "REPLICA", service = "replica${i}")`,
    '(name = "PLATFORM", text = "workerd")',
    '(name = "ENVIRONMENT", text = "local")',
    '(name = "ALLOW_PRIVATE_ENDPOINTS", text = "true")',
    `(name = "ADMIN_TOKEN", text = ${quote(ADMIN_TOKEN)})`,
  ]
}

/** Polls until the port answers a request at all; throws at the deadline. */
export async function waitForAnswer(url: string, deadlineMs = 10_000): Promise<Response> {
  const end = Date.now() + deadlineMs
  for (;;) {
    try {
      return await fetch(url, { signal: AbortSignal.timeout(deadlineMs) })
    } catch (error) {
      if (Date.now() > end) throw new Error(`no answer from ${url}`, { cause: error })
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}
