import { MAX_ROUTING_KEY_BYTES } from './limits.ts'

/**
 * Routing keys packed for lookup: open addressing with linear probing, exact keys kept.
 *
 *   header   key count, slot count, seed, byte length of the entries: 4 × u32
 *   slots    [hash u32][entry offset + 1, u32], 0 for an empty slot; at most 3 in 4 are taken
 *   entries  [placement u16][key length u16][key in UTF-8], in the order of their hashes
 *
 * Little-endian, read through DataView, so any alignment will do. Every read is bounded whatever
 * the bytes are. The seed keeps those who choose their own keys from aiming at one slot.
 */
export interface RoutingTable {
  readonly size: number
  readonly slotCount: number
  readonly seed: number
  readonly slots: DataView
  readonly entries: DataView
}

const HEADER_BYTES = 16
const SLOT_BYTES = 8
const ENTRY_HEADER_BYTES = 4

const FNV_OFFSET = 0x811c9dc5
const FNV_PRIME = 0x01000193

// The key at hand: set by loadKey, used until the same synchronous call returns, never longer.
const encoder = new TextEncoder()
const keyBytes = new Uint8Array(MAX_ROUTING_KEY_BYTES)
let keyLength = 0
let keyHash = 0

/**
 * Packs distinct keys and their placement indexes (below 65,536). Equal entries give equal bytes in
 * whatever order they come. Keys that no request can carry (over `MAX_ROUTING_KEY_BYTES`, lone surrogates)
 * are left out.
 */
export function buildRoutingTable(
  entries: Iterable<readonly [key: string, index: number]>,
  seed = 0,
): Uint8Array {
  const keys: { key: string; index: number; hash: number }[] = []
  let entriesBytes = 0
  for (const [key, index] of entries) {
    if (!loadKey(key, seed)) continue
    keys.push({ key, index, hash: keyHash >>> 0 })
    entriesBytes += ENTRY_HEADER_BYTES + keyLength
  }
  keys.sort((a, b) => a.hash - b.hash || (a.key < b.key ? -1 : 1))

  const slotCount = Math.floor((keys.length * 4) / 3) + 1
  const bytes = new Uint8Array(HEADER_BYTES + slotCount * SLOT_BYTES + entriesBytes)
  const header = new DataView(bytes.buffer)
  for (const [i, value] of [keys.length, slotCount, seed, entriesBytes].entries()) {
    header.setUint32(i * 4, value, true)
  }
  const table = viewTable(bytes, keys.length, slotCount, seed)
  let offset = 0
  for (const { key, index } of keys) {
    loadKey(key, seed)
    const slot = findSlot(table)
    table.slots.setInt32(slot, keyHash, true)
    table.slots.setUint32(slot + 4, offset + 1, true)
    table.entries.setUint16(offset, index, true)
    table.entries.setUint16(offset + 2, keyLength, true)
    offset += ENTRY_HEADER_BYTES
    bytes.set(keyBytes.subarray(0, keyLength), table.entries.byteOffset + offset)
    offset += keyLength
  }
  return bytes
}

/** A view on the bytes, not a copy: constant time. null when the lengths contradict each other. */
export function openRoutingTable(bytes: Uint8Array): RoutingTable | null {
  const { byteLength } = bytes
  if (byteLength < HEADER_BYTES) return null
  const header = new DataView(bytes.buffer, bytes.byteOffset)
  const [size, slotCount] = [readUint32(header, 0), readUint32(header, 4)]
  const entriesStart = HEADER_BYTES + slotCount * SLOT_BYTES
  if (entriesStart + readUint32(header, 12) !== byteLength || size >= slotCount) return null
  return viewTable(bytes, size, slotCount, readUint32(header, 8))
}

/** The placement index of the key, or -1. Exact: case, Unicode form and every byte count. */
export function lookUp(table: RoutingTable, key: string): number {
  const slot = loadKey(key, table.seed) ? findSlot(table) : -1
  const entry = slot === -1 ? 0 : readUint32(table.slots, slot + 4)
  return entry === 0 ? -1 : table.entries.getUint16(entry - 1, true)
}

/** Where in `slots` the key at hand is, or else its first free place; -1 when there is neither. */
function findSlot({ slots, slotCount, entries }: RoutingTable): number {
  // Scaled to the slots, not masked: any number of slots will do, so a table never doubles.
  let slot = Math.floor(((keyHash >>> 0) * slotCount) / 2 ** 32)
  for (let probes = 0; probes < slotCount; probes++) {
    const at = slot * SLOT_BYTES
    const entry = readUint32(slots, at + 4)
    if (entry === 0) return at
    if (slots.getInt32(at, true) === keyHash && holdsKey(entries, entry - 1)) return at
    slot = slot + 1 === slotCount ? 0 : slot + 1
  }
  return -1
}

function holdsKey(entries: DataView, offset: number): boolean {
  const start = offset + ENTRY_HEADER_BYTES
  if (start + keyLength > entries.byteLength) return false
  if (entries.getUint16(offset + 2, true) !== keyLength) return false
  for (let i = 0; i < keyLength; i++) {
    if (entries.getUint8(start + i) !== keyBytes[i]) return false
  }
  return true
}

function viewTable(
  { buffer, byteOffset, byteLength }: Uint8Array,
  size: number,
  slotCount: number,
  seed: number,
): RoutingTable {
  const slotsBytes = slotCount * SLOT_BYTES
  const slots = new DataView(buffer, byteOffset + HEADER_BYTES, slotsBytes)
  const entriesBytes = byteLength - HEADER_BYTES - slotsBytes
  const entries = new DataView(buffer, slots.byteOffset + slotsBytes, entriesBytes)
  return { size, slotCount, seed, slots, entries }
}

function readUint32(view: DataView, at: number): number {
  return view.getUint32(at, true)
}

/**
 * Makes it the key at hand; false when no request can carry it. The hash is FNV-1a over the bytes,
 * from a seed, then the finaliser of MurmurHash3.
 */
function loadKey(key: string, seed: number): boolean {
  if (key.length > MAX_ROUTING_KEY_BYTES) return false
  let hash = seed ^ FNV_OFFSET
  for (let i = 0; i < key.length; i++) {
    const code = key.charCodeAt(i)
    if (code > 0x7f) return loadUnicodeKey(key, seed)
    keyBytes[i] = code
    hash = Math.imul(hash ^ code, FNV_PRIME)
  }
  keyLength = key.length
  keyHash = finishHash(hash)
  return true
}

function loadUnicodeKey(key: string, seed: number): boolean {
  // The encoder writes U+FFFD for a lone surrogate, which is somebody else's key.
  if (!key.isWellFormed()) return false
  const { read, written } = encoder.encodeInto(key, keyBytes)
  let hash = seed ^ FNV_OFFSET
  for (const byte of keyBytes.subarray(0, written)) hash = Math.imul(hash ^ byte, FNV_PRIME)
  keyLength = written
  keyHash = finishHash(hash)
  return read === key.length
}

function finishHash(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}
