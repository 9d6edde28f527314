import type { Endpoint } from '../config/snapshot.ts'

/**
 * Smooth weighted round robin, as nginx has it: each pick adds its weight to the credit of every
 * endpoint, takes the largest and subtracts the total from it. In as many picks as the weights
 * sum up to, each endpoint gets exactly its weight of them, and none gets them in a row.
 */
export interface Credits {
  /** By endpoint. Between picks they add up to 0. */
  readonly credits: number[]
}

/** More turns do not make the start more even than to 1/1,024 of a request. */
const MAX_TURNS_AHEAD = 1_024

/**
 * An isolate starts somewhere in the period, as if others had made the picks before: isolates that
 * live for three requests would else give all of them to the heaviest endpoints.
 */
export function startCredits(
  endpoints: readonly Endpoint[],
  weighted: readonly number[],
  random: () => number,
): Credits {
  const started = { credits: endpoints.map(() => 0) }
  const total = weighted.reduce((sum, index) => sum + (endpoints[index]?.weight ?? 0), 0)
  const turns = Math.floor(random() * Math.min(total, MAX_TURNS_AHEAD))
  for (let turn = 0; turn < turns; turn++) takeCredit(started, endpoints, weighted)
  return started
}

/** Picks the first one; the others follow by descending credit. */
export function orderByCredit(
  { credits }: Credits,
  endpoints: readonly Endpoint[],
  selectable: readonly number[],
): readonly number[] {
  const picked = takeCredit({ credits }, endpoints, selectable)
  const others = selectable.filter((index) => index !== picked)
  others.sort((a, b) => (credits[b] ?? 0) - (credits[a] ?? 0))
  return [picked, ...others]
}

/** Those that are not selectable keep their credit. Equal credits: the earlier one. */
function takeCredit(
  { credits }: Credits,
  endpoints: readonly Endpoint[],
  selectable: readonly number[],
): number {
  let picked = 0
  let most = Number.NEGATIVE_INFINITY
  let total = 0
  for (const index of selectable) {
    const weight = endpoints[index]?.weight ?? 0
    const credit = (credits[index] ?? 0) + weight
    credits[index] = credit
    total += weight
    if (credit <= most) continue
    picked = index
    most = credit
  }
  credits[picked] = most - total
  return picked
}
