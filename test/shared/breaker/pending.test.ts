import { describe, expect, it } from 'vitest'
import {
  drainPending,
  noteOutcome,
  noteProbe,
  type Pending,
  type Stamp,
  startPending,
} from '../../../shared/breaker/pending.ts'

const ENVELOPE = {
  placement: 'visa',
  reporter: 'r',
  sequence: 7,
  share: 1,
  isBeacon: false,
  isSuspect: false,
  wantsPermit: false,
}
const STAMP: Stamp = { epoch: 1, generation: 4 }

function note(pending: Pending, outcomes: string, { stamp = STAMP, key = 0, at = 0 } = {}): void {
  for (const one of outcomes)
    noteOutcome(pending, stamp, key, one === '+' ? 'succeeded' : one === 'h' ? 'hard' : 'soft', at)
}

describe('what an isolate has to report', () => {
  it('is counted by key, and the streak that it ends with is told', () => {
    const pending = startPending()
    note(pending, '-++-', { key: 3 })
    note(pending, 'h', { key: 256 + 3, at: 400 })
    note(pending, '+-', { key: 9, at: 400 })
    expect(drainPending(pending, ENVELOPE, 1_000)).toEqual({
      ...ENVELOPE,
      epoch: 1,
      generation: 4,
      ageMs: 500,
      counts: [
        { key: '3', succeeded: 2, slow: 0, soft: 2, hard: 1 },
        { key: '9', succeeded: 1, slow: 0, soft: 1, hard: 0 },
      ],
      trailingFailures: 1,
      probes: [],
    })
  })

  it('is empty afterwards, and a streak that goes on is told only as far as it is new', () => {
    const pending = startPending()
    note(pending, '+---')
    drainPending(pending, ENVELOPE, 0)
    expect(drainPending(pending, ENVELOPE, 9)).toMatchObject({
      ageMs: 0,
      counts: [],
      trailingFailures: 0,
    })
    note(pending, '--')
    expect(drainPending(pending, ENVELOPE, 9)).toMatchObject({ trailingFailures: 2 })
  })

  it('does not mix two generations: what was admitted under the older one is dropped', () => {
    const pending = startPending()
    note(pending, '-----')
    note(pending, '+-', { stamp: { epoch: 1, generation: 5 } })
    expect(drainPending(pending, ENVELOPE, 0)).toMatchObject({
      generation: 5,
      counts: [{ succeeded: 1, soft: 1 }],
      trailingFailures: 1,
    })
    noteOutcome(pending, undefined, 0, 'succeeded', 0)
    expect(drainPending(pending, ENVELOPE, 0)).toMatchObject({ epoch: null, generation: null })
  })

  it('names the sixteen keys that failed most, and sums up the others', () => {
    const pending = startPending()
    for (let key = 0; key < 40; key++) note(pending, key < 16 ? '--' : '+h', { key })
    const { counts } = drainPending(pending, ENVELOPE, 0)
    expect(counts.length).toBe(17)
    expect(counts.slice(0, 16).map(({ key }) => Number(key))).toEqual([...Array(16).keys()])
    expect(counts[16]).toEqual({ key: 'other', succeeded: 24, slow: 0, soft: 0, hard: 24 })
  })

  it('tells what probes found, at most sixteen', () => {
    const pending = startPending()
    for (let i = 0; i < 20; i++) noteProbe(pending, `4.${i}`, 'failed')
    expect(drainPending(pending, ENVELOPE, 0).probes.length).toBe(16)
    expect(drainPending(pending, ENVELOPE, 0).probes).toEqual([])
  })
})
