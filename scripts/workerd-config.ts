/** The text of a configuration for `workerd serve`: the router, its demo cells, its storage on disk. */
export interface WorkerdLayout {
  readonly host: string
  readonly port: number
  /** Absolute paths, here and below. */
  readonly routerBundle: string
  readonly cellBundle: string
  readonly objectsDirectory: string
  readonly replicaDirectory: string
  readonly cells: readonly string[]
  /** Names of variables that the workerd process inherits: no secret is written to disk. */
  readonly variables: readonly string[]
  readonly allowsPrivateNetwork: boolean
  /** Where the namespace CONFIG lives when it is not the router itself: a service that exports the class. */
  readonly coordinator?: { readonly service: string; readonly bundle: string }
  /** The same for the namespace BREAKER. */
  readonly breaker?: { readonly service: string; readonly bundle: string }
  /** Ports of further isolates of the router, which share the objects of the first. */
  readonly others?: readonly number[]
}

const COMPATIBILITY = 'compatibilityDate = "2026-10-20"'
const quote = (text: string): string => JSON.stringify(text)

export function printWorkerdConfig(layout: WorkerdLayout): string {
  const network = layout.allowsPrivateNetwork ? '["public", "private"]' : '["public"]'
  const workers = listWorkers(layout)
  const at = (port: number) => quote(`${layout.host}:${port}`)
  const sockets = workers.flatMap(({ service, port }) =>
    port === undefined
      ? []
      : [`(name = "${service}", address = ${at(port)}, http = (), service = "${service}")`],
  )
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
${workers.map(({ service, name }) => `    (name = "${service}", worker = .${name}),`).join('\n')}
${layout.cells.map((cell) => `    (name = "cell-${cell}", worker = .${cell}),`).join('\n')}
    (name = "objects", disk = (path = ${quote(layout.objectsDirectory)}, writable = true)),
    (name = "replica", disk = (path = ${quote(layout.replicaDirectory)}, writable = true)),
    (name = "internet", network = (allow = ${network}, tlsOptions = (trustBrowserCas = true))),
  ],
  sockets = [
    ${sockets.join(',\n    ')}
  ]
);

${workers.map((worker) => printWorker(layout, worker)).join('\n')}
${layout.cells.map((cell) => printCell(cell, layout.cellBundle)).join('\n')}`
}

/** One isolate of the router, or what stands in for one of its objects. */
interface WorkerPart {
  readonly service: string
  /** Of the constant in the configuration. */
  readonly name: string
  readonly bundle: string
  readonly port?: number
  /** The objects that it calls. */
  readonly uses: readonly Binding[]
}

type Binding = 'CONFIG' | 'BREAKER'

const NAMESPACES = {
  CONFIG: { className: 'ConfigCoordinator', uniqueKey: 'cellway-config' },
  BREAKER: { className: 'CircuitBreaker', uniqueKey: 'cellway-breaker' },
} as const satisfies Record<Binding, unknown>

const ALL: readonly Binding[] = ['BREAKER', 'CONFIG']

function listWorkers(layout: WorkerdLayout): readonly WorkerPart[] {
  const { port, routerBundle, others = [], coordinator, breaker } = layout
  const router = { bundle: routerBundle, uses: ALL }
  return [
    { ...router, service: 'router', name: 'router', port },
    ...others.map((at) => ({ ...router, service: `router-${at}`, name: `router${at}`, port: at })),
    ...(coordinator ? [{ ...coordinator, name: 'coordinator', uses: ['CONFIG'] as const }] : []),
    ...(breaker ? [{ ...breaker, name: 'breaker', uses: ALL }] : []),
  ]
}

/** The service that an object lives in. */
const homeOf = (layout: WorkerdLayout, binding: Binding): string =>
  (binding === 'CONFIG' ? layout.coordinator : layout.breaker)?.service ?? 'router'

function printWorker(layout: WorkerdLayout, { service, name, bundle, uses }: WorkerPart): string {
  const own = ALL.filter((binding) => homeOf(layout, binding) === service)
  const namespaces = own.map((binding) => {
    const { className, uniqueKey } = NAMESPACES[binding]
    return `(className = "${className}", uniqueKey = "${uniqueKey}", enableSql = true)`
  })
  const objects = uses.map((binding) => {
    const { className } = NAMESPACES[binding]
    const home = homeOf(layout, binding)
    const place = `(className = "${className}", serviceName = "${home}")`
    return `    (name = "${binding}", durableObjectNamespace = ${home === service ? `"${className}"` : place}),`
  })
  return `const ${name} :Workerd.Worker = (
  modules = [(name = "${name}.js", esModule = embed ${quote(bundle)})],
  ${COMPATIBILITY},
  compatibilityFlags = ["enable_request_signal"],
  durableObjectNamespaces = [${namespaces.join(', ')}],
  durableObjectStorage = (localDisk = "objects"),
  bindings = [
${objects.join('\n')}
${printBindings(layout)}
  ]
);`
}

function printBindings(layout: WorkerdLayout): string {
  return [
    '    (name = "PLATFORM", text = "workerd")',
    '    (name = "REPLICA", service = "replica")',
    ...layout.cells.map(
      (cell) => `    (name = "CELL_${cell.toUpperCase()}", service = "cell-${cell}")`,
    ),
    ...layout.variables.map((name) => `    (name = "${name}", fromEnvironment = "${name}")`),
  ].join(',\n')
}

function printCell(cell: string, bundle: string): string {
  return `const ${cell} :Workerd.Worker = (
  modules = [(name = "cell.js", esModule = embed ${quote(bundle)})],
  ${COMPATIBILITY},
  bindings = [(name = "CELL_NAME", text = "${cell}")]
);`
}
