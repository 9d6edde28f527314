/** The router's variables, read once: what is missing has its default, what is wrong is said. */
export interface Settings {
  readonly isLocal: boolean
  /** Who asserts the client's address: the platform's edge, or nobody but the socket. */
  readonly platform: 'cloudflare' | 'workerd'
  /** Host names in lower case, without port, that serve only the router's own pages. */
  readonly adminHosts: ReadonlySet<string>
  readonly requireIfMatch: boolean
  readonly allowPrivateEndpoints: boolean
}

/** Variables as the platform hands them over: absent, or any binding under that name. */
export interface Variables {
  readonly ENVIRONMENT?: unknown
  readonly PLATFORM?: unknown
  readonly ADMIN_HOSTS?: unknown
  readonly REQUIRE_IF_MATCH?: unknown
  readonly ALLOW_PRIVATE_ENDPOINTS?: unknown
}

export interface ParsedSettings {
  readonly settings: Settings
  /** One sentence per value that was not understood. */
  readonly warnings: readonly string[]
}

const HOST = /^(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])$/

export function parseSettings(variables: Variables): ParsedSettings {
  const warnings: string[] = []
  const settings = {
    isLocal: variables.ENVIRONMENT === 'local',
    platform: parsePlatform(variables.PLATFORM, warnings),
    adminHosts: parseHosts(variables.ADMIN_HOSTS, warnings),
    requireIfMatch: parseSwitch('REQUIRE_IF_MATCH', variables.REQUIRE_IF_MATCH, warnings),
    allowPrivateEndpoints: parseSwitch(
      'ALLOW_PRIVATE_ENDPOINTS',
      variables.ALLOW_PRIVATE_ENDPOINTS,
      warnings,
    ),
  }
  return { settings, warnings }
}

/** Anything but "cloudflare" distrusts CF-Connecting-IP, which elsewhere is the client's to write. */
function parsePlatform(value: unknown, warnings: string[]): Settings['platform'] {
  if (value === 'cloudflare' || value === 'workerd') return value
  if (value !== undefined && value !== '')
    warnings.push('PLATFORM is neither "cloudflare" nor "workerd"; taken as "workerd"')
  return 'workerd'
}

function parseSwitch(name: string, value: unknown, warnings: string[]): boolean {
  if (value !== undefined && value !== '' && value !== 'true' && value !== 'false')
    warnings.push(`${name} is neither "true" nor "false"; taken as "false"`)
  return value === 'true'
}

function parseHosts(value: unknown, warnings: string[]): ReadonlySet<string> {
  const hosts = new Set<string>()
  if (typeof value !== 'string') return hosts
  for (const entry of value.toLowerCase().split(/[\s,]+/)) {
    if (entry === '') continue
    const host = entry.replace(/:\d+$/, '').replace(/\.$/, '')
    if (HOST.test(host)) hosts.add(host)
    else warnings.push(`ADMIN_HOSTS: "${entry}" is not a host name; left out`)
  }
  return hosts
}
