import { describe, expect, it } from 'vitest'
import { startIsolateSubject } from './isolate-subject.ts'
import { startSubject } from './machine-subject.ts'
import { readVectors, type Step, type Subject } from './vectors.ts'

const { machine, isolate } = readVectors()

describe('the breaker of a placement, step by step', () => {
  it.each(machine)('BV-$id $title', ({ cfg, steps }) => expectSteps(startSubject(cfg), steps))
})

describe('the breaker as an isolate holds it, step by step', () => {
  it.each(isolate)('BV-$id $title', ({ cfg, steps }) =>
    expectSteps(startIsolateSubject(cfg), steps),
  )
})

function expectSteps(subject: Subject, steps: readonly Step[]): void {
  for (const step of steps) {
    const observed = subject(step)
    for (const [name, expected] of Object.entries(step.expect ?? {})) {
      const what = `${name} after ${JSON.stringify(step)}`
      if (typeof expected === 'number') expect(observed[name], what).toBeCloseTo(expected, 6)
      else expect(observed[name], what).toBe(expected)
    }
  }
}
