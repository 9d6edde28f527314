/**
 * Addresses that an endpoint must not have, because a router that fetches them on behalf of
 * strangers reaches into its own network: loopback, private, link-local, metadata, multicast
 * (IANA special-purpose registries, RFC 6890). Names that only resolve to such addresses are not
 * stopped here; a few that exist for nothing else are.
 */

/** First address, prefix length. Documentation ranges are allowed: they lead nowhere. */
const IPV4_BLOCKS: readonly (readonly [first: string, prefix: number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
  // Azure's metadata and DNS.
  ['168.63.129.16', 32],
]

const METADATA_NAMES: ReadonlySet<string> = new Set([
  'metadata',
  'metadata.google.internal',
  'metadata.goog',
  'metadata.azure.internal',
  'instance-data',
  'instance-data.ec2.internal',
])

/** Public zones whose names resolve to whatever address is written in them, or to loopback. */
const ADDRESS_ZONES = ['nip.io', 'sslip.io', 'xip.io', 'localtest.me', 'lvh.me', 'localhost']

/**
 * `hostname` as the URL standard prints it: lower case, IPv4 in dotted decimal whatever it was
 * written as (2130706433, 0x7f.1, 017700000001), IPv6 in brackets and compressed.
 */
export function isPrivateHost(hostname: string): boolean {
  if (hostname.startsWith('[')) return isPrivateIpv6(readIpv6(hostname.slice(1, -1)))
  const ipv4 = readIpv4(hostname)
  if (ipv4 !== null) return isPrivateIpv4(ipv4)
  const name = hostname.replace(/\.$/, '')
  if (METADATA_NAMES.has(name)) return true
  return ADDRESS_ZONES.some((zone) => name === zone || name.endsWith(`.${zone}`))
}

function isPrivateIpv4(address: number): boolean {
  return IPV4_BLOCKS.some(([first, prefix]) => {
    const size = 2 ** (32 - prefix)
    return Math.floor(address / size) === Math.floor((readIpv4(first) ?? 0) / size)
  })
}

function isPrivateIpv6(groups: readonly number[]): boolean {
  const [first = 0, second = 0] = groups
  const embedded = findEmbeddedIpv4(groups)
  if (embedded !== null) return isPrivateIpv4(embedded)
  if (first === 0x64 && second === 0xff9b) return true // RFC 8215: translation inside a network
  const isUniqueLocal = (first & 0xfe00) === 0xfc00
  const isLinkOrSiteLocal = (first & 0xff80) === 0xfe80
  const isMulticast = (first & 0xff00) === 0xff00
  return isUniqueLocal || isLinkOrSiteLocal || isMulticast
}

/** The IPv4 address that an IPv6 address stands for, in the forms that some stack unwraps. */
function findEmbeddedIpv4(groups: readonly number[]): number | null {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = groups
  if (a === 0x2002) return join(b, c) // 6to4, RFC 3056
  if (a === 0x2001 && b === 0) return join(g ^ 0xffff, h ^ 0xffff) // Teredo, RFC 4380
  if (a === 0x64 && b === 0xff9b && (c | d | e | f) === 0) return join(g, h) // NAT64, RFC 6052
  if ((a | b | c | d) !== 0) return null
  // ::a.b.c.d, ::ffff:a.b.c.d (RFC 4291) and ::ffff:0:a.b.c.d (RFC 2765); :: and ::1 are the first.
  const isEmbedded = e === 0 ? f === 0 || f === 0xffff : e === 0xffff && f === 0
  return isEmbedded ? join(g, h) : null
}

function join(high: number, low: number): number {
  return high * 0x10000 + low
}

function readIpv4(hostname: string): number | null {
  if (!/^\d{1,3}(?:\.\d{1,3}){3}$/.test(hostname)) return null
  return hostname.split('.').reduce((address, part) => address * 256 + Number(part), 0)
}

/** Eight groups of 16 bits from the compressed form. */
function readIpv6(text: string): number[] {
  const [head = '', tail] = text.split('::')
  const before = readGroups(head)
  const after = readGroups(tail ?? '')
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after]
}

function readGroups(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
}
