import type { Snapshot } from '../../shared/config/snapshot.ts'
import { createBalances } from './balances.ts'
import type { Breakers } from './breakers.ts'
import type { Router } from './exchange.ts'
import { startReporter } from './outcomes.ts'
import { Refusal } from './refusal.ts'
import { createSlots } from './slots.ts'
import type { Held, SnapshotCache, Sources } from './snapshots.ts'

const random = (): number => Math.random()

/** The isolate's part of the data plane: what outlives a request, and nothing that could not. */
export function createRouter(
  cache: SnapshotCache,
  breakers: Breakers,
  openSources: (env: Env) => Sources,
): Router {
  return {
    slots: createSlots(),
    reporter: startReporter(breakers, random),
    openLine: ({ env, ctx }) => ({ ctx, connect: (name) => env.BREAKER?.getByName(name) }),
    balances: createBalances(random),
    heldSnapshot: () => cache.peek()?.snapshot,
    currentSnapshot(exchange) {
      const held = cache.current(() => openSources(exchange.env), exchange.ctx)
      return held instanceof Promise ? held.then(demand) : demand(held)
    },
  }
}

const RETRY_AFTER_SECONDS = 5

function demand(held: Held | undefined): Snapshot {
  if (held !== undefined) return held.snapshot
  throw new Refusal({ code: 'no_configuration', retryAfterSeconds: RETRY_AFTER_SECONDS })
}
