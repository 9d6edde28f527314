import { describe, expect, it } from 'vitest'
import { runCrashTest } from '../crash/harness.ts'

/** The short version of `npm run test:crash`. */
describe('kill -9 under load', () => {
  it('K01 K05 five kills lose no acknowledged publish and tear none', async () => {
    const report = await runCrashTest({
      coordinator: 'real',
      kills: 5,
      seed: 20_261_101,
      deadlineMs: 60_000,
    })
    expect(report).toMatchObject({ kills: 5, findings: [] })
    expect(report.acknowledged).toBeGreaterThan(50)
    expect(report.unknown).toBeGreaterThan(0)
  }, 90_000)

  it.each([
    { id: 'K03', coordinator: 'ack-first', kind: 'lost' },
    { id: 'K04', coordinator: 'await-between', kind: 'torn' },
  ] as const)(
    '$id the same harness finds what $coordinator does wrong',
    async ({ coordinator, kind }) => {
      const { findings } = await runCrashTest({
        coordinator,
        kills: 15,
        seed: 20_261_101,
        stopsAt: kind,
        deadlineMs: 60_000,
      })
      expect(findings.map((finding) => finding.kind)).toContain(kind)
    },
    90_000,
  )
})
