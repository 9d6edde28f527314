import type { BreakerReport } from './breaker.ts'

/** A report may come from other code: its shape and its bounds are checked before it counts. */

const MAX_COUNTS = 17
const MAX_PROBES = 16
const MAX_TEXT_LENGTH = 128
const OUTCOMES = ['succeeded', 'failed', 'slow', 'neutral']

export function isBreakerReport(value: unknown): value is BreakerReport {
  return isRecord(value) && hasEnvelope(value) && hasEvidence(value)
}

function hasEnvelope(value: Readonly<Record<string, unknown>>): boolean {
  const { placement, reporter, sequence, share, isBeacon, isSuspect, wantsPermit } = value
  return (
    isText(placement) &&
    isText(reporter) &&
    isAmount(sequence) &&
    Number.isSafeInteger(sequence) &&
    isAmount(share) &&
    share > 0 &&
    share <= 1 &&
    [isBeacon, isSuspect, wantsPermit].every((flag) => typeof flag === 'boolean')
  )
}

function hasEvidence(value: Readonly<Record<string, unknown>>): boolean {
  const { epoch, generation, ageMs, counts, trailingFailures, probes } = value
  return (
    [epoch, generation].every((number) => number === null || isAmount(number)) &&
    isAmount(ageMs) &&
    isAmount(trailingFailures) &&
    isListOf(counts, MAX_COUNTS, isKeyCounts) &&
    isListOf(probes, MAX_PROBES, isProbe)
  )
}

function isKeyCounts(value: unknown): boolean {
  if (!isRecord(value)) return false
  const { key, succeeded, slow, soft, hard } = value
  return isText(key) && [succeeded, slow, soft, hard].every(isAmount)
}

function isProbe(value: unknown): boolean {
  return isRecord(value) && isText(value['permit']) && OUTCOMES.includes(String(value['outcome']))
}

function isListOf(value: unknown, most: number, check: (one: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length <= most && value.every(check)
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value.length <= MAX_TEXT_LENGTH
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}
