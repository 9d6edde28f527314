import type { Replica } from '../../shared/config/replica.ts'
import {
  COORDINATOR_NAME,
  type RefreshReply,
  type RefreshRequest,
} from '../../shared/rpc/coordinator.ts'
import { type ColoCache, openColoCache } from './colo-cache.ts'

/**
 * Where snapshots come from. Made by the request that needs one and never kept: stubs and bodies
 * belong to the request that made them.
 */
export interface Sources {
  refresh(request: RefreshRequest): Promise<RefreshReply>
  readonly replica: Pick<Replica, 'get'> | undefined
  readonly coloCache: ColoCache | undefined
  /** A snapshot bundled in the script; served as revision 0. */
  readonly bootstrap: Uint8Array | undefined
  log(line: Readonly<Record<string, unknown>>): void
}

export function createSources(
  env: Pick<Env, 'CONFIG'>,
  optional: Pick<Sources, 'replica' | 'bootstrap'>,
): Sources {
  const { CONFIG } = env
  return {
    // A fresh stub per call: one that failed once may fail for ever.
    refresh: async (request) => CONFIG.getByName(COORDINATOR_NAME).refresh(request),
    replica: optional.replica,
    coloCache: openColoCache(CONFIG.idFromName(COORDINATOR_NAME).toString()),
    bootstrap: optional.bootstrap,
    log: logLine,
  }
}

function logLine(line: Readonly<Record<string, unknown>>): void {
  const text = JSON.stringify({ timestamp: new Date().toISOString(), ...line })
  // biome-ignore lint/suspicious/noConsole: the console is where the platform collects logs
  console.log(text)
}
