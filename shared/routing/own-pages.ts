import type { Target } from './path.ts'

const OWN_PATH = /^\/(?:health|ready|metrics|admin(?:\/.*)?|debug\/.*)$/
const OPEN_ON_EVERY_HOST = new Set(['/health', '/ready'])

/** Whether the router has pages under this path, for requests without a routing key. */
export const mayBeOwnPage = (path: string): boolean => OWN_PATH.test(path)

/**
 * Whether a request is for the router itself. Hosts of its own serve nothing else; elsewhere a
 * request with a routing key belongs to a tenant, whatever its path.
 */
export function isForRouterItself(
  adminHosts: ReadonlySet<string>,
  { host, path }: Pick<Target, 'host' | 'path'>,
  hasKey: boolean,
): boolean {
  if (adminHosts.has(host)) return true
  if (hasKey || !mayBeOwnPage(path)) return false
  return adminHosts.size === 0 || OPEN_ON_EVERY_HOST.has(path)
}
