import type { Outcome } from '../../shared/breaker/classify.ts'

/** A placement's cell: what it answers, by its mood, the caller's region, and the load. */
export interface Origin {
  mood: Mood
  /** Requests a second, beyond which it fails. */
  capacity: number
  /** Requests with this key kill every answer. */
  poison: string | undefined
  second: number
  load: number
}

export type Mood =
  | { readonly kind: 'healthy' | 'neutral' }
  | { readonly kind: 'partial'; readonly rate: number }
  /** Refused at once, or not answered until the router gives up. */
  | { readonly kind: 'dead'; readonly isHanging: boolean }
  /** Reachable from there only. */
  | { readonly kind: 'region'; readonly region: number }

export interface Answer {
  readonly outcome: Outcome
  readonly latencyMs: number
}

export interface Call {
  readonly key: string
  readonly region: number
  /** The caller's own way out is broken. */
  readonly isCutOff: boolean
}

/** As long as the router waits for headers. */
const HANGING_MS = 10_000
/** Clients that leave, and answers that say nothing. */
const NEUTRAL_RATE = 0.01

export const HEALTHY: Mood = { kind: 'healthy' }

export const startOrigin = (): Origin => ({
  mood: HEALTHY,
  capacity: Number.POSITIVE_INFINITY,
  poison: undefined,
  second: 0,
  load: 0,
})

export function serve(origin: Origin, call: Call, now: number, random: () => number): Answer {
  const second = Math.floor(now / 1_000)
  if (second !== origin.second) {
    origin.second = second
    origin.load = 0
  }
  origin.load++
  const { mood } = origin
  const isUnreachable = mood.kind === 'region' && mood.region !== call.region
  if (mood.kind === 'dead' && mood.isHanging) return { outcome: 'hard', latencyMs: HANGING_MS }
  if (mood.kind === 'dead' || isUnreachable || call.isCutOff)
    return { outcome: 'hard', latencyMs: 2 + 30 * random() }
  if (origin.load > origin.capacity) return { outcome: 'soft', latencyMs: 500 + 500 * random() }
  if (origin.poison === call.key) return { outcome: 'soft', latencyMs: 5 + 50 * random() }
  return { outcome: answerReached(mood, random), latencyMs: 5 + 200 * random() ** 3 }
}

function answerReached(mood: Mood, random: () => number): Outcome {
  if (mood.kind === 'neutral' || random() < NEUTRAL_RATE) return 'neutral'
  if (mood.kind !== 'partial' || random() >= mood.rate) return 'succeeded'
  return random() < 0.5 ? 'soft' : 'hard'
}
