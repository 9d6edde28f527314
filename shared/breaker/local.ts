import type { CircuitBreakerSettings } from '../config/snapshot.ts'

/**
 * The breaker of one isolate for one placement: the placement's own thresholds on the isolate's own
 * counts. It needs nobody, learns within a few requests, and can only be stricter than the view.
 */
export interface LocalBreaker {
  streak: number
  /** Calls and failures of this half of the window and of the one before. */
  half: number
  calls: number
  failed: number
  earlierCalls: number
  earlierFailed: number
  /** 0: closed. */
  openUntil: number
  openings: number
  /** A probe is out, and speaks for the breaker until then. */
  probingUntil: number
}

export interface LocalSettings {
  readonly consecutiveFailures: number | null
  readonly window: LocalWindow | null
  readonly openMs: number
  readonly openMaxMs: number
}

export interface LocalWindow {
  readonly durationMs: number
  readonly minimumRequests: number
  readonly failureRate: number
}

const OPEN_MS = 2_000
const OPEN_MAX_MS = 30_000
const WINDOW_MS = 10_000

export function readLocalSettings(config: CircuitBreakerSettings): LocalSettings {
  const { consecutiveFailures, window, openForMs, openForMaxMs } = config
  return {
    consecutiveFailures,
    window: window && { ...window, durationMs: Math.min(WINDOW_MS, window.durationMs) },
    openMs: Math.min(OPEN_MS, openForMs),
    openMaxMs: Math.min(OPEN_MAX_MS, openForMaxMs),
  }
}

export const startLocalBreaker = (): LocalBreaker => ({
  streak: 0,
  half: 0,
  calls: 0,
  failed: 0,
  earlierCalls: 0,
  earlierFailed: 0,
  openUntil: 0,
  openings: 0,
  probingUntil: 0,
})

/** probe: it is open, and this request may find out whether it has to be. */
export function admitLocally(
  local: LocalBreaker,
  settings: LocalSettings,
  now: number,
): 'allow' | 'deny' | 'probe' {
  if (local.openUntil === 0) return 'allow'
  if (now < local.openUntil || now < local.probingUntil) return 'deny'
  // Should it never come back, another may go.
  local.probingUntil = now + settings.openMs
  return 'probe'
}

/** Neutral outcomes are not noted, only released. */
export function noteLocally(
  local: LocalBreaker,
  settings: LocalSettings,
  hasFailed: boolean,
  now: number,
): void {
  if (local.openUntil !== 0) {
    settleLocalProbe(local, settings, hasFailed, now)
    return
  }
  local.streak = hasFailed ? local.streak + 1 : 0
  count(local, settings.window, hasFailed, now)
  if (hasFailed && isMet(local, settings)) openLocally(local, settings, now)
}

/** The probe said nothing: the next request may be one. */
export function releaseLocalProbe(local: LocalBreaker): void {
  local.probingUntil = 0
}

/** A probe under a permit found that the placement answers. */
export function closeLocally(local: LocalBreaker): void {
  Object.assign(local, startLocalBreaker())
}

function settleLocalProbe(
  local: LocalBreaker,
  settings: LocalSettings,
  hasFailed: boolean,
  now: number,
): void {
  if (local.probingUntil === 0) return // Sent before it opened.
  if (hasFailed) openLocally(local, settings, now)
  else closeLocally(local)
}

function openLocally(local: LocalBreaker, settings: LocalSettings, now: number): void {
  const openMs = Math.min(settings.openMaxMs, settings.openMs * 2 ** local.openings)
  const openings = local.openings + 1
  Object.assign(local, { ...startLocalBreaker(), openings, openUntil: now + openMs })
}

function count(
  local: LocalBreaker,
  window: LocalWindow | null,
  hasFailed: boolean,
  now: number,
): void {
  if (window === null) return
  const half = Math.floor(now / (window.durationMs / 2))
  if (half !== local.half) {
    const isNext = half === local.half + 1
    local.earlierCalls = isNext ? local.calls : 0
    local.earlierFailed = isNext ? local.failed : 0
    local.calls = 0
    local.failed = 0
    local.half = half
  }
  local.calls++
  if (hasFailed) local.failed++
}

function isMet(local: LocalBreaker, { consecutiveFailures, window }: LocalSettings): boolean {
  if (consecutiveFailures !== null && local.streak >= consecutiveFailures) return true
  if (window === null) return false
  const calls = local.calls + local.earlierCalls
  const failed = local.failed + local.earlierFailed
  return calls >= window.minimumRequests && failed / calls >= window.failureRate
}
