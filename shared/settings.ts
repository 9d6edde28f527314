/** The router's variables, read once: what is missing has its default, what is wrong is said. */
export interface Settings {
  readonly isLocal: boolean
  /** Who asserts the client's address: the platform's edge, or nobody but the socket. */
  readonly platform: 'cloudflare' | 'workerd'
  /**
   * Host names in lower case, without port, that serve only the router's own pages. An entry that
   * is no host name stays in: it matches nothing, so the pages are shut instead of on every host.
   */
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
  const read = (name: keyof Variables): string => String(variables[name] ?? '').trim()
  const readSwitch = (name: keyof Variables): boolean => {
    const text = read(name)
    if (!/^(?:true|false)?$/.test(text))
      warnings.push(`${name} is neither "true" nor "false"; taken as "false"`)
    return text === 'true'
  }
  const settings = {
    isLocal: read('ENVIRONMENT') === 'local',
    platform: parsePlatform(read('PLATFORM'), warnings),
    adminHosts: parseHosts(read('ADMIN_HOSTS'), warnings),
    requireIfMatch: readSwitch('REQUIRE_IF_MATCH'),
    allowPrivateEndpoints: readSwitch('ALLOW_PRIVATE_ENDPOINTS'),
  }
  return { settings, warnings }
}

/** Anything but "cloudflare" distrusts CF-Connecting-IP, which elsewhere is the client's to write. */
function parsePlatform(value: string, warnings: string[]): Settings['platform'] {
  if (value === 'cloudflare' || value === 'workerd') return value
  if (value !== '')
    warnings.push('PLATFORM is neither "cloudflare" nor "workerd"; taken as "workerd"')
  return 'workerd'
}

function parseHosts(value: string, warnings: string[]): ReadonlySet<string> {
  const hosts = new Set<string>()
  for (const entry of value.toLowerCase().split(/[\s,]+/)) {
    if (entry === '') continue
    const host = entry.replace(/:\d+$/, '').replace(/\.$/, '')
    hosts.add(host)
    if (!HOST.test(host))
      warnings.push(`ADMIN_HOSTS: "${entry}" is not a host name; matches nothing`)
  }
  return hosts
}
