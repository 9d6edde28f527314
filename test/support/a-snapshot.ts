import { createHash } from 'node:crypto'
import { compileSnapshot } from '../../shared/config/compile.ts'
import type { Config } from '../../shared/config/config.ts'
import { openSnapshot, type Snapshot } from '../../shared/config/snapshot.ts'
import { aConfig } from './a-config.ts'

export const STAMP = { revision: 7, publishedAt: '2026-11-20T12:00:00Z' }

export const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest()

export function compiled(config: Config = aConfig(), stamp = STAMP): Uint8Array {
  const result = compileSnapshot(config, stamp, sha256)
  if (!result.ok) throw new Error(`too large: ${result.error.byteLength} bytes`)
  return result.value
}

export function opened(bytes: Uint8Array): Snapshot {
  const result = openSnapshot(bytes)
  if (!result.ok) throw new Error(`did not open: ${JSON.stringify(result.error)}`)
  return result.value
}

export const aSnapshot = (config?: Config): Snapshot => opened(compiled(config))
