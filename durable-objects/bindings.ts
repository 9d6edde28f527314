/** The bindings of this deployment that an endpoint may name. */
export interface BindingNames {
  readonly services: ReadonlySet<string>
  readonly dispatchNamespaces: ReadonlySet<string>
}

/** Services of the router itself, which no document may route to. */
const OWN = new Set(['REPLICA', 'ASSETS'])

/**
 * Told apart by what the runtime says a binding is: a service is a `Fetcher` on Cloudflare, plain
 * workerd, `wrangler dev` and in tests; a dispatch namespace is a bare object with `get` in dev.
 */
export function listBindings(env: object): BindingNames {
  const services = new Set<string>()
  const dispatchNamespaces = new Set<string>()
  for (const [name, binding] of Object.entries(env)) {
    if (OWN.has(name) || typeof binding !== 'object' || binding === null) continue
    const tag = Object.prototype.toString.call(binding)
    if (tag === '[object Fetcher]') services.add(name)
    else if (isDispatchNamespace(binding, tag)) dispatchNamespaces.add(name)
  }
  return { services, dispatchNamespaces }
}

const isDispatchNamespace = (binding: object, tag: string): boolean =>
  tag === '[object DispatchNamespace]' ||
  binding.constructor?.name === 'DispatchNamespace' ||
  (tag === '[object Object]' && typeof Reflect.get(binding, 'get') === 'function')

/**
 * For documents that were accepted once: whatever bindings they name existed then. Used for
 * reading history, never for deciding what may be published.
 */
const ANY_NAME: ReadonlySet<string> = Object.assign(new Set<string>(), { has: () => true })
export const ANY_BINDING: BindingNames = { services: ANY_NAME, dispatchNamespaces: ANY_NAME }
