import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { BreakerView } from '../../../shared/breaker/view.ts'
import {
  followHead,
  type Head,
  isHead,
  isLive,
  isNews,
  readHeadViews,
  writeClaim,
  writeHead,
} from '../../../shared/config/refresh-head.ts'
import {
  scheduleAnswer,
  scheduleColdStart,
  scheduleFailure,
} from '../../../shared/config/refresh-schedule.ts'

const NOW = Date.UTC(2026, 10, 20)
const subject = { revision: 4, digest: 'ab'.repeat(32), viewsVersion: 0, views: null }
const answered = scheduleAnswer(NOW, 5_000, 0)
const head = writeHead(subject, answered)

const VIEW: BreakerView = {
  epoch: 1,
  version: 2,
  generation: 2,
  phase: 'open',
  isForced: false,
  leftMs: 30_000,
  rampedMs: 0,
  isDraining: false,
  unhealthy: [0],
}

describe('views in a head', () => {
  const views = [{ placement: 'a', view: { ...VIEW, ageMs: 500 } }]
  const told = writeHead({ ...subject, views }, answered)

  it('grow older with it, and never younger', () => {
    expect(readHeadViews(told, NOW + 2_000)).toEqual([
      { placement: 'a', view: { ...VIEW, ageMs: 2_500 } },
    ])
    expect(readHeadViews(told, NOW - 60_000)).toEqual(views)
    expect(readHeadViews(head, NOW)).toBeNull()
  })

  it('survive JSON, and are left out of a claim', () => {
    const read: unknown = JSON.parse(JSON.stringify(told))
    expect([isHead(read), read]).toEqual([true, told])
    expect(writeClaim({ ...subject, views }, answered, NOW).views).toBeNull()
  })
})

describe('a head', () => {
  it('hands the schedule of the isolate that asked to the others', () => {
    const later = NOW + 1_000
    expect(followHead(head, scheduleColdStart(NOW, 60_000, 0.9), later, 0)).toEqual(answered)
  })

  it('is news to whoever knew an earlier expiry, until it expires itself', () => {
    const before = scheduleAnswer(NOW - 5_000, 5_000, 0)
    expect(isNews(head, before, 4, NOW + 100)).toBe(true)
    expect(isNews(head, answered, 4, NOW + 100)).toBe(false)
    expect(isNews(head, before, 5, NOW + 100)).toBe(false)
    expect(isNews(head, before, 4, NOW + 5_000)).toBe(false)
  })

  it('hands failures on, so that the colo backs off as one', () => {
    const failed = scheduleFailure(NOW + 5_000, answered, 0.5)
    const followed = followHead(writeHead(subject, failed), answered, NOW + 5_100, 0)
    expect(followed).toEqual(failed)
  })

  it('never makes a follower due after it expires', () => {
    const aRandom = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_999 }), aRandom, (afterMs, random) => {
        const { dueAt } = followHead(head, answered, NOW + afterMs, random)
        expect(dueAt).toBeGreaterThan(NOW + afterMs)
        expect(dueAt).toBeLessThanOrEqual(head.expiresAt)
      }),
    )
  })

  it('does not make a copy look fresher than the follower’s clock', () => {
    const ahead: Head = { ...head, storedAt: NOW + 60_000 }
    expect(followHead(ahead, answered, NOW, 0).confirmedAt).toBe(NOW)
  })
})

describe('a claim', () => {
  const claim = writeClaim(subject, answered, NOW + 4_900)

  it('makes the others look again soon, and vouches for nothing', () => {
    const followed = followHead(claim, answered, NOW + 5_000, 0.5)
    expect(followed).toEqual({ ...answered, dueAt: NOW + 5_250 })
    expect(isNews(claim, followed, 4, NOW + 5_250)).toBe(true)
  })

  it('ends by itself when nobody redeems it', () => {
    expect(isNews(claim, answered, 4, NOW + 7_899)).toBe(true)
    expect(isNews(claim, answered, 4, NOW + 7_900)).toBe(false)
  })
})

describe('what is read from the cache', () => {
  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'head'],
    ['an empty object', {}],
    ['a revision that is no whole number', { ...head, revision: 1.5 }],
    ['a negative revision', { ...head, revision: -1 }],
    ['a digest that is none', { ...head, digest: '../body' }],
    ['a digest of nothing', { ...head, revision: 0 }],
    ['no digest for something', { ...head, digest: '' }],
    ['a time that is none', { ...head, storedAt: Number.NaN }],
    ['an interval that is a text', { ...head, intervalMs: '5000' }],
    ['no word on whether somebody asks', { ...head, isAsking: undefined }],
    ['no word on views', { ...head, views: undefined }],
    ['views that are none', { ...head, views: [{ placement: 'a', view: { phase: 'shut' } }] }],
    ['a view without its age', { ...head, views: [{ placement: 'a', view: VIEW }] }],
  ])('is no head when it is %s', (_name, value) => {
    expect(isHead(value)).toBe(false)
  })

  it('is a head after a round trip through JSON', () => {
    fc.assert(
      fc.property(fc.boolean(), fc.boolean(), (isAsking, isPublished) => {
        const what = isPublished ? subject : { ...subject, revision: 0, digest: '' }
        const written = isAsking ? writeClaim(what, answered, NOW) : writeHead(what, answered)
        const read: unknown = JSON.parse(JSON.stringify(written))
        expect(isHead(read)).toBe(true)
        expect(read).toEqual(written)
      }),
    )
    expect(isHead(writeHead(subject, scheduleColdStart(NOW, 5_000, 0)))).toBe(true)
  })

  it('is not live when it claims to last longer than any router would say', () => {
    expect(isLive({ ...head, expiresAt: NOW + 120_000 }, NOW)).toBe(true)
    expect(isLive({ ...head, expiresAt: NOW + 120_001 }, NOW)).toBe(false)
  })
})
