import type { BreakerView } from '../shared/breaker/view.ts'
import { openSnapshot, type Placement } from '../shared/config/snapshot.ts'
import type { BreakerApi, BreakerConfig } from '../shared/rpc/breaker.ts'
import { isBreakerView } from '../shared/rpc/breaker-view.ts'
import type { RefreshReply } from '../shared/rpc/coordinator.ts'
import {
  forgetPlacement,
  hasPlacement,
  hasPlacements,
  keepPlacement,
  listPlacements,
} from './storage/placements.ts'
import { readHead, readSnapshot } from './storage/snapshots.ts'
import { isFailing } from './storage/tasks.ts'
import {
  forgetView,
  keepView,
  listAllViews,
  listViewsSince,
  readViewsVersion,
} from './storage/views.ts'

/**
 * Which breaker objects there are: those of published placements. The coordinator configures and
 * retires them from its alarm, after the acknowledgement. It remembers what each was told last, so
 * that a publish costs calls for the placements that it changed and for no others.
 */

/** The breaker object of a placement. */
export type OpenBreaker = (placement: string) => Pick<BreakerApi, 'configure' | 'retire'>

/** Calls at a time: an object may have six connections open, and the others wait for theirs. */
const BATCH = 50

/** True: there is a config, and no object has heard of it. */
export const isUnconfigured = (sql: SqlStorage): boolean =>
  readHead(sql) !== undefined && !hasPlacements(sql)

/** @throws when an object could not be reached; what was done is remembered. */
export async function configureBreakers(
  sql: SqlStorage,
  openBreaker: OpenBreaker,
): Promise<undefined> {
  const head = readHead(sql)
  const bytes = head && readSnapshot(sql, head.revision)
  const opened = bytes && openSnapshot(bytes)
  if (head === undefined || opened?.ok !== true) return
  const { revision } = head
  const told = listPlacements(sql)
  const published = opened.value.placements.map((one) => printConfig(one, revision))
  const changed = published.filter((config) => told.get(config.placement) !== describe(config))
  const names = new Set(published.map(({ placement }) => placement))
  const removed = [...told.keys()].filter((name) => !names.has(name))
  await inBatches(removed, async (name) => {
    await openBreaker(name).retire(revision)
    forgetPlacement(sql, name)
    forgetView(sql, name)
  })
  await inBatches(changed, async (config) => {
    await openBreaker(config.placement).configure(config)
    keepPlacement(sql, config.placement, describe(config))
  })
}

/** False: not one of the placements that have a breaker object, or not yet. */
export function noteView(
  sql: SqlStorage,
  placement: string,
  view: BreakerView,
  now: number,
): boolean {
  if (!hasPlacement(sql, placement) || !isBreakerView(view)) return false
  keepView(sql, placement, view, now)
  return true
}

/** The part of a refresh that is about breakers. Nothing, while their objects cannot be reached. */
export function printViews(
  sql: SqlStorage,
  heldVersion: number,
  now: number,
): Pick<RefreshReply, 'views' | 'viewsVersion'> | undefined {
  if (isFailing(sql, 'configure')) return undefined
  const viewsVersion = readViewsVersion(sql)
  const isKnown = heldVersion > 0 && heldVersion <= viewsVersion
  const views = isKnown ? listViewsSince(sql, heldVersion, now) : listAllViews(sql, now)
  return { viewsVersion, views }
}

function printConfig(placement: Placement, revision: number): BreakerConfig {
  const { name, circuitBreaker, healthCheck, endpoints, timeouts } = placement
  const { headersMs } = timeouts
  return { placement: name, revision, circuitBreaker, healthCheck, endpoints, headersMs }
}

/** What an object goes by, without the revision that it came with. */
const describe = ({ placement, revision, ...rest }: BreakerConfig): string => JSON.stringify(rest)

/** One that fails does not keep the others from it. */
async function inBatches<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  let failure: unknown
  for (let start = 0; start < all.length; start += BATCH) {
    const settled = await Promise.allSettled(all.slice(start, start + BATCH).map(work))
    failure ??= settled.find((one) => one.status === 'rejected')?.reason
  }
  if (failure !== undefined) throw failure
}
