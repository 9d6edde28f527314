/**
 * The packed routing table beside a `Map<string, number>` of the same keys, in one process: lookup
 * time with fresh strings, retained bytes per key, build time. Prints a Markdown table.
 *
 *   node --expose-gc bench/lookup.ts
 *
 * A fresh string was decoded from bytes just before, as a request header is, so its hash is not
 * cached. Every subject gets its own random keys each round, in random order of subjects; `again`
 * measures the packed table a second time: what it differs by is noise.
 */
import { buildRoutingTable, lookUp, openRoutingTable } from '../shared/config/routing-table.ts'

const SIZES = [1_000, 100_000, 1_000_000]
const KEY_BYTES = [12, 22]
const ROUNDS = 101
const WARM_UP_ROUNDS = 10
const LOOKUPS_PER_ROUND = 2_000
const PLACEMENTS = 20

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789'
let checksum = 0

/** Distinct keys, one after the other: a number in base 36, then random filling. */
function writeKeys(count: number, keyBytes: number): Buffer {
  const keys = Buffer.alloc(count * keyBytes)
  for (let n = 0; n < count; n++) {
    const unique = n.toString(36).padStart(4, '0')
    for (let i = 0; i < keyBytes; i++) {
      const random = Math.floor(Math.random() * ALPHABET.length)
      keys[n * keyBytes + i] = (unique[i - keyBytes + 4] ?? ALPHABET[random] ?? '').charCodeAt(0)
    }
  }
  return keys
}

const readKey = (keys: Buffer, keyBytes: number, n: number) =>
  keys.toString('latin1', n * keyBytes, (n + 1) * keyBytes)

function* readEntries(keys: Buffer, keyBytes: number): Generator<[string, number]> {
  for (let n = 0; n * keyBytes < keys.length; n++)
    yield [readKey(keys, keyBytes, n), n % PLACEMENTS]
}

function readRetainedBytes(): number {
  for (let i = 0; i < 3; i++) globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

function build<T>(make: () => T): { made: T; ms: number; bytes: number } {
  const before = readRetainedBytes()
  const started = performance.now()
  const made = make()
  const ms = performance.now() - started
  return { made, ms, bytes: readRetainedBytes() - before }
}

const median = (values: number[]) =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN

interface Subject {
  readonly keys: Buffer
  readonly find: (key: string) => number
  readonly ns: number[]
}

function measureRound({ keys, find }: Subject, keyBytes: number): number {
  const count = keys.length / keyBytes
  const fresh = Array.from({ length: LOOKUPS_PER_ROUND }, () =>
    readKey(keys, keyBytes, Math.floor(Math.random() * count)),
  )
  const started = process.hrtime.bigint()
  for (const key of fresh) checksum += find(key)
  return Number(process.hrtime.bigint() - started) / LOOKUPS_PER_ROUND
}

function measure(count: number, keyBytes: number): string {
  const keys = writeKeys(count, keyBytes)
  const packed = build(() => openRoutingTable(buildRoutingTable(readEntries(keys, keyBytes))))
  const map = build(() => new Map(readEntries(keys, keyBytes)))
  const table = packed.made
  if (table === null) throw new Error('the packed table did not open')
  const unknown = Buffer.from(keys.toString('latin1').toUpperCase(), 'latin1')
  const subjects: Subject[] = [
    { keys, find: (key) => lookUp(table, key), ns: [] },
    { keys, find: (key) => lookUp(table, key), ns: [] },
    { keys, find: (key) => map.made.get(key) ?? -1, ns: [] },
    { keys: unknown, find: (key) => lookUp(table, key), ns: [] },
    { keys: unknown, find: (key) => map.made.get(key) ?? -1, ns: [] },
  ]
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    for (const subject of subjects.toSorted(() => Math.random() - 0.5)) {
      const ns = measureRound(subject, keyBytes)
      if (round >= 0) subject.ns.push(ns)
    }
  }
  const [a = 0, b = 0, m = 0, unknownA = 0, unknownM = 0] = subjects.map(({ ns }) => median(ns))
  const perKey = (bytes: number) => (globalThis.gc ? (bytes / count).toFixed(1) : '-')
  const cells = [
    count.toLocaleString('en'),
    keyBytes,
    a.toFixed(0),
    b.toFixed(0),
    (b / a).toFixed(2),
    m.toFixed(0),
    (a / m).toFixed(2),
    unknownA.toFixed(0),
    unknownM.toFixed(0),
    perKey(packed.bytes),
    perKey(map.bytes),
    packed.ms.toFixed(1),
    map.ms.toFixed(1),
  ]
  return `| ${cells.join(' | ')} |`
}

const columns = [
  'keys',
  'key bytes',
  'packed ns',
  'again ns',
  'A/A',
  'Map ns',
  'packed / Map',
  'packed ns, unknown',
  'Map ns, unknown',
  'packed B/key',
  'Map B/key',
  'packed build ms',
  'Map build ms',
]
measure(1_000, 12) // compiles the code, so that the first row is like the others
console.log(`| ${columns.join(' | ')} |`)
console.log(`|${'---:|'.repeat(columns.length)}`)
for (const keyBytes of KEY_BYTES) {
  for (const count of SIZES) console.log(measure(count, keyBytes))
}
if (Number.isNaN(checksum)) throw new Error('a lookup answered nonsense')
