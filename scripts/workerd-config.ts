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
  /** Ports of further isolates of the router, which share the objects of the first. */
  readonly others?: readonly number[]
}

const COMPATIBILITY = 'compatibilityDate = "2026-10-20"'
const quote = (text: string): string => JSON.stringify(text)

export function printWorkerdConfig(layout: WorkerdLayout): string {
  const network = layout.allowsPrivateNetwork ? '["public", "private"]' : '["public"]'
  const { coordinator, others = [] } = layout
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "router", worker = .router),${others.map((port) => `\n    (name = "router-${port}", worker = .router${port}),`).join('')}${coordinator ? `\n    (name = ${quote(coordinator.service)}, worker = .coordinator),` : ''}
${layout.cells.map((cell) => `    (name = "cell-${cell}", worker = .${cell}),`).join('\n')}
    (name = "objects", disk = (path = ${quote(layout.objectsDirectory)}, writable = true)),
    (name = "replica", disk = (path = ${quote(layout.replicaDirectory)}, writable = true)),
    (name = "internet", network = (allow = ${network}, tlsOptions = (trustBrowserCas = true))),
  ],
  sockets = [
    (name = "http", address = ${quote(`${layout.host}:${layout.port}`)}, http = (), service = "router"),
${others.map((port) => `    (name = "http-${port}", address = ${quote(`${layout.host}:${port}`)}, http = (), service = "router-${port}"),`).join('\n')}
  ]
);

const router :Workerd.Worker = (
  modules = [(name = "router.js", esModule = embed ${quote(layout.routerBundle)})],
  ${COMPATIBILITY},
  compatibilityFlags = ["enable_request_signal"],
${printNamespaces(coordinator ? [BREAKER] : [CONFIG, BREAKER])}
  bindings = [
    (name = "BREAKER", durableObjectNamespace = "CircuitBreaker"),
    (name = "CONFIG", durableObjectNamespace = ${coordinator ? `(className = "ConfigCoordinator", serviceName = ${quote(coordinator.service)})` : '"ConfigCoordinator"'}),
${printBindings(layout)}
  ]
);
${coordinator ? printCoordinator(layout, coordinator.bundle) : ''}
${others.map((port) => printOther(layout, port)).join('\n')}
${layout.cells.map((cell) => printCell(cell, layout.cellBundle)).join('\n')}`
}

/** An isolate of its own: its objects are those of the first. */
function printOther(layout: WorkerdLayout, port: number): string {
  const at = (name: string, service: string): string =>
    `    (name = "${name}", durableObjectNamespace = (className = "${CLASSES[name]}", serviceName = "${service}")),`
  return `
const router${port} :Workerd.Worker = (
  modules = [(name = "router.js", esModule = embed ${quote(layout.routerBundle)})],
  ${COMPATIBILITY},
  compatibilityFlags = ["enable_request_signal"],
  bindings = [
${at('BREAKER', 'router')}
${at('CONFIG', layout.coordinator?.service ?? 'router')}
${printBindings(layout)}
  ]
);`
}

const CLASSES: Readonly<Record<string, string>> = {
  BREAKER: 'CircuitBreaker',
  CONFIG: 'ConfigCoordinator',
}

const CONFIG = '(className = "ConfigCoordinator", uniqueKey = "cellway-config", enableSql = true)'
const BREAKER = '(className = "CircuitBreaker", uniqueKey = "cellway-breaker", enableSql = true)'

function printNamespaces(namespaces: readonly string[]): string {
  return `  durableObjectNamespaces = [${namespaces.join(', ')}],
  durableObjectStorage = (localDisk = "objects"),`
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

function printCoordinator(layout: WorkerdLayout, bundle: string): string {
  return `
const coordinator :Workerd.Worker = (
  modules = [(name = "coordinator.js", esModule = embed ${quote(bundle)})],
  ${COMPATIBILITY},
${printNamespaces([CONFIG])}
  bindings = [
${printBindings(layout)}
  ]
);`
}

function printCell(cell: string, bundle: string): string {
  return `const ${cell} :Workerd.Worker = (
  modules = [(name = "cell.js", esModule = embed ${quote(bundle)})],
  ${COMPATIBILITY},
  bindings = [(name = "CELL_NAME", text = "${cell}")]
);`
}
