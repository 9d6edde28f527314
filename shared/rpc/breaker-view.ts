import type { BreakerView } from '../breaker/view.ts'
import type { PlacementView, Views } from './breaker.ts'

/** Views come from other code, and through a cache that others may write to: nothing is trusted. */

const PHASES = ['closed', 'open', 'half_open', 'recovering']
/** As many as a config may have placements, twice. */
const MOST_VIEWS = 4_000

export function isBreakerView(value: unknown): value is BreakerView {
  return typeof value === 'object' && value !== null && hasViewShape(value)
}

export function isViews(value: unknown): value is Views {
  return Array.isArray(value) && value.length <= MOST_VIEWS && value.every(isEntry)
}

function isEntry(entry: unknown): boolean {
  return typeof entry === 'object' && entry !== null && hasEntryShape(entry)
}

function hasEntryShape({
  placement,
  view,
}: {
  readonly [K in keyof PlacementView]?: unknown
}): boolean {
  return (
    typeof placement === 'string' && isBreakerView(view) && 'ageMs' in view && isAmount(view.ageMs)
  )
}

function hasViewShape(value: { readonly [K in keyof BreakerView]?: unknown }): boolean {
  const { epoch, version, generation, phase, isForced, leftMs, rampedMs } = value
  return (
    [epoch, version, generation, leftMs, rampedMs].every(isAmount) &&
    typeof phase === 'string' &&
    PHASES.includes(phase) &&
    typeof isForced === 'boolean' &&
    typeof value.isDraining === 'boolean' &&
    Array.isArray(value.unhealthy) &&
    value.unhealthy.every(isAmount)
  )
}

const isAmount = (value: unknown): boolean =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0
