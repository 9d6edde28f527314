import { describe, expect, it } from 'vitest'
import type { BreakerReport } from '../../../shared/rpc/breaker.ts'
import { isBreakerReport } from '../../../shared/rpc/breaker-report.ts'
import { isBreakerView, isViews } from '../../../shared/rpc/breaker-view.ts'

/** What comes over RPC or out of a cache may be of another deployment, or of somebody else. */

const COUNTS = { key: '1', succeeded: 1, slow: 0, soft: 0, hard: 0 }

const REPORT: BreakerReport = {
  placement: 'visa',
  reporter: 'r',
  sequence: 0,
  epoch: null,
  generation: 3,
  ageMs: 12.5,
  share: 0.5,
  isBeacon: true,
  isSuspect: false,
  counts: [COUNTS],
  trailingFailures: 0,
  probes: [{ permit: '3.0', outcome: 'neutral' }],
  wantsPermit: false,
}

const VIEW = {
  epoch: 1,
  version: 2,
  generation: 2,
  phase: 'open',
  isForced: false,
  leftMs: 30_000,
  rampedMs: 0,
  isDraining: false,
  unhealthy: [0, 2],
}

describe('a report', () => {
  it('is one as isolates send it', () => {
    expect(isBreakerReport(REPORT)).toBe(true)
    expect(isBreakerReport({ ...REPORT, epoch: 7, counts: [], probes: [] })).toBe(true)
  })

  it.each([
    ['nothing', null],
    ['a text', 'report'],
    ['a report without its placement', { ...REPORT, placement: undefined }],
    ['a name longer than any', { ...REPORT, reporter: 'r'.repeat(129) }],
    ['half a sequence number', { ...REPORT, sequence: 1.5 }],
    ['a negative sequence number', { ...REPORT, sequence: -1 }],
    ['a share of nothing', { ...REPORT, share: 0 }],
    ['more than everything', { ...REPORT, share: 1.01 }],
    ['a flag that is none', { ...REPORT, isBeacon: 1 }],
    ['an epoch that is a text', { ...REPORT, epoch: '1' }],
    ['an age that is no number', { ...REPORT, ageMs: Number.NaN }],
    ['endless failures', { ...REPORT, trailingFailures: Number.POSITIVE_INFINITY }],
    ['counts that are no list', { ...REPORT, counts: COUNTS }],
    ['a count that is null', { ...REPORT, counts: [null] }],
    ['a count of no key', { ...REPORT, counts: [{ ...COUNTS, key: 1 }] }],
    ['a negative count', { ...REPORT, counts: [{ ...COUNTS, hard: -1 }] }],
    ['too many counts', { ...REPORT, counts: Array(18).fill(COUNTS) }],
    ['too many probes', { ...REPORT, probes: Array(17).fill(REPORT.probes[0]) }],
    ['a probe that is none', { ...REPORT, probes: ['3.0'] }],
    ['an unknown outcome', { ...REPORT, probes: [{ permit: '3.0', outcome: 'maybe' }] }],
  ])('is not %s', (_, value) => {
    expect(isBreakerReport(value)).toBe(false)
  })
})

describe('a view', () => {
  it.each(['closed', 'open', 'half_open', 'recovering'])('may be %s', (phase) => {
    expect(isBreakerView({ ...VIEW, phase })).toBe(true)
  })

  it.each([
    ['nothing', undefined],
    ['a number', 7],
    ['an unknown phase', { ...VIEW, phase: 'ajar' }],
    ['a phase that is none', { ...VIEW, phase: 1 }],
    ['a negative duration', { ...VIEW, leftMs: -1 }],
    ['a flag that is none', { ...VIEW, isForced: 'yes' }],
    ['no word on draining', { ...VIEW, isDraining: undefined }],
    ['endpoints that are no list', { ...VIEW, unhealthy: 0 }],
    ['endpoints that have names', { ...VIEW, unhealthy: ['a'] }],
  ])('is not %s', (_, value) => {
    expect(isBreakerView(value)).toBe(false)
  })

  it('is handed on with the name of its placement and its age', () => {
    const told = { placement: 'visa', view: { ...VIEW, ageMs: 0 } }
    expect(isViews([told])).toBe(true)
    expect(isViews([])).toBe(true)
    for (const entry of [
      null,
      'visa',
      { ...told, placement: 7 },
      { placement: 'visa', view: VIEW },
    ])
      expect(isViews([entry])).toBe(false)
    expect(isViews(told)).toBe(false)
    expect(isViews(Array(4_001).fill(told))).toBe(false)
  })
})
