import type { Placement } from '../config/snapshot.ts'
import {
  type Load,
  noteLoadEnded,
  noteLoadSent,
  type Outcome,
  orderByCost,
  startLoad,
} from './least-requests.ts'
import { type Identities, orderByScore, startIdentities } from './rendezvous.ts'
import { type Credits, orderByCredit, startCredits } from './smooth-weighted.ts'

/** What an isolate remembers of a placement's endpoints. Changed in place. */
export interface Balance {
  /** Indexes of the endpoints with a weight. */
  readonly weighted: readonly number[]
  readonly memory: Memory
}

type Memory =
  | { readonly mode: 'only' }
  | { readonly mode: 'round-robin'; cursor: number }
  | ({ readonly mode: 'weighted' } & Credits)
  | { readonly mode: 'least-requests'; readonly loads: readonly Load[] }
  | ({ readonly mode: 'rendezvous' } & Identities)

export interface BalanceRequest {
  readonly routingKey: string
  /** Ms since the epoch. */
  readonly now: number
  /** From 0 up to 1. */
  readonly random: () => number
  /** Indexes of endpoints that take no requests now; without effect when no other is left. */
  readonly excluded?: readonly number[]
}

const ONLY: readonly number[] = Object.freeze([0])
const NONE: readonly number[] = Object.freeze([])

export function startBalance(placement: Placement, random: () => number): Balance {
  const { endpoints } = placement
  if (endpoints.length === 1) {
    return { weighted: endpoints[0]?.weight === 0 ? NONE : ONLY, memory: { mode: 'only' } }
  }
  const weighted = [...endpoints.keys()].filter((index) => endpoints[index]?.weight !== 0)
  return { weighted, memory: startMemory(placement, weighted, random) }
}

function startMemory(
  { balance: mode, endpoints }: Placement,
  weighted: readonly number[],
  random: () => number,
): Memory {
  switch (mode) {
    case 'round-robin':
      // Much larger than any list, so that it is even also over the part that takes requests.
      return { mode, cursor: Math.floor(random() * 2 ** 32) }
    case 'weighted':
      return { mode, ...startCredits(endpoints, weighted, random) }
    case 'least-requests':
      return { mode, loads: endpoints.map(startLoad) }
    case 'rendezvous':
      return { mode, ...startIdentities(endpoints) }
  }
}

/** Indexes of the endpoints to try, in order; empty: nothing selectable (all weights 0). */
export function orderEndpoints(
  placement: Placement,
  balance: Balance,
  request: BalanceRequest,
): readonly number[] {
  const { endpoints } = placement
  const { memory, weighted } = balance
  if (memory.mode === 'only' || weighted.length === 0) return weighted
  const selectable = listSelectable(weighted, request.excluded)
  switch (memory.mode) {
    case 'round-robin':
      return rotate(selectable, memory.cursor++)
    case 'weighted':
      return orderByCredit(memory, endpoints, selectable)
    case 'least-requests':
      return orderByCost(memory.loads, endpoints, selectable, request)
    case 'rendezvous':
      return orderByScore(memory, endpoints, selectable, request.routingKey)
  }
}

/** A request goes to the endpoint; each is to be noted as ended, once. */
export function noteSent({ memory }: Balance, index: number, now: number): void {
  if (memory.mode !== 'least-requests') return
  const load = memory.loads[index]
  if (load !== undefined) noteLoadSent(load, now)
}

/** null: neutral, it says nothing about the endpoint. */
export function noteEnded(
  { memory }: Balance,
  index: number,
  outcome: Outcome | null,
  now: number,
): void {
  if (memory.mode !== 'least-requests') return
  const load = memory.loads[index]
  if (load !== undefined) noteLoadEnded(load, outcome, now)
}

function listSelectable(
  weighted: readonly number[],
  excluded: readonly number[] = NONE,
): readonly number[] {
  if (excluded.length === 0) return weighted
  const selectable = weighted.filter((index) => !excluded.includes(index))
  return selectable.length > 0 ? selectable : weighted
}

function rotate(indexes: readonly number[], turn: number): readonly number[] {
  const start = turn % indexes.length
  return [...indexes.slice(start), ...indexes.slice(0, start)]
}
