import type { Placement } from '../../shared/config/snapshot.ts'
import { type Balance, startBalance } from '../../shared/routing/balance.ts'

/** What this isolate remembers of the endpoints of placements, for choosing among them. */
export interface Balances {
  /** The placement's; a publish that leaves its endpoints as they are forgets nothing. */
  find(placement: Placement): Balance
}

interface Known {
  readonly description: string
  readonly balance: Balance
}

/** More than any config has: beyond, placements that are no longer published are forgotten. */
const MOST_PLACEMENTS = 4_000

export function createBalances(random: () => number): Balances {
  const byPlacement = new WeakMap<Placement, Balance>()
  const byName = new Map<string, Known>()
  const adopt = (placement: Placement): Balance => {
    const { name, balance: mode, endpoints } = placement
    const description = JSON.stringify([mode, endpoints])
    const known = byName.get(name)
    if (known?.description === description) return known.balance
    if (byName.size >= MOST_PLACEMENTS) byName.clear()
    const balance = startBalance(placement, random)
    byName.set(name, { description, balance })
    return balance
  }
  return {
    find(placement) {
      const found = byPlacement.get(placement)
      if (found !== undefined) return found
      const balance = adopt(placement)
      byPlacement.set(placement, balance)
      return balance
    },
  }
}
