import type { Endpoint } from '../../shared/config/snapshot.ts'
import type { Target } from '../../shared/routing/path.ts'

/** Where a request goes and who takes it there. Made per request: bindings never cross requests. */
export interface Upstream {
  readonly url: string
  /** An HTTP endpoint, whose bytes a parser vouches for; else another Worker. */
  readonly isOverNetwork: boolean
  fetch(request: Request | string, init: RequestInit): Promise<Response>
}

const network: Upstream['fetch'] = (request, init) => fetch(request, init)

/** The upstream of an endpoint, or undefined when this deployment has no such binding. */
export function openEndpoint(endpoint: Endpoint, target: Target, env: Env): Upstream | undefined {
  if (endpoint.kind === 'url')
    return { url: endpoint.base + target.path + target.query, isOverNetwork: true, fetch: network }
  const cell = endpoint.kind === 'service' ? findCell(env, endpoint.binding) : undefined
  if (cell === undefined) return undefined
  // A cell that is a Worker sees the URL that the client asked for, like any Worker on that host.
  return {
    url: `${target.scheme}://${target.authority}${target.path}${target.query}`,
    isOverNetwork: false,
    fetch: (request, init) => cell.fetch(request, init),
  }
}

function findCell(env: Env, binding: string): Fetcher | undefined {
  const bound: unknown = Reflect.get(env, binding)
  return isFetcher(bound) ? bound : undefined
}

const isFetcher = (bound: unknown): bound is Fetcher =>
  typeof bound === 'object' && bound !== null && 'fetch' in bound
