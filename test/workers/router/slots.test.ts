import { describe, expect, it } from 'vitest'
import { createSlots } from '../../../workers/router/slots.ts'

const START = 1_000
const DEADLINE = START + 15_000

describe('slots', () => {
  it('D55 refuses beyond the limit and D56 gives a freed slot again', () => {
    const slots = createSlots()
    const first = slots.take('visa', 2, START, DEADLINE)
    expect(slots.take('visa', 2, START, DEADLINE)).toBeDefined()
    expect(slots.take('visa', 2, START, DEADLINE)).toBeUndefined()
    first?.release()
    expect(slots.take('visa', 2, START, DEADLINE)).toBeDefined()
    expect(slots.count('visa')).toBe(2)
  })

  it('D56 frees a slot once, however often it is told to', () => {
    const slots = createSlots()
    const first = slots.take('visa', 2, START, DEADLINE)
    slots.take('visa', 2, START, DEADLINE)
    first?.release()
    first?.release()
    expect(slots.count('visa')).toBe(1)
  })

  it('counts every placement by itself', () => {
    const slots = createSlots()
    slots.take('visa', 1, START, DEADLINE)
    expect(slots.take('tier1', 1, START, DEADLINE)).toBeDefined()
  })

  it('frees the slot of a request that got no headers by its deadline', () => {
    const slots = createSlots()
    slots.take('visa', 1, START, DEADLINE)
    expect(slots.take('visa', 1, DEADLINE - 1, DEADLINE)).toBeUndefined()
    expect(slots.take('visa', 1, DEADLINE, DEADLINE + 1)).toBeDefined()
  })

  it('keeps a slot whose backstop was moved, as for an answer that streams on', () => {
    const slots = createSlots()
    slots.take('visa', 1, START, DEADLINE)?.holdUntil(Number.POSITIVE_INFINITY)
    expect(slots.take('visa', 1, DEADLINE + 1, DEADLINE + 2)).toBeUndefined()
  })

  it('remembers nothing of a placement without requests in flight', () => {
    const slots = createSlots()
    slots.take('visa', 1, START, DEADLINE)?.release()
    expect(slots.count('visa')).toBe(0)
  })

  it('is not confused by a late release after its placement was emptied and filled again', () => {
    const slots = createSlots()
    const late = slots.take('visa', 1, START, DEADLINE)
    const fresh = slots.take('visa', 1, DEADLINE, DEADLINE + 1)
    late?.release()
    expect(slots.count('visa')).toBe(1)
    fresh?.release()
    expect(slots.count('visa')).toBe(0)
  })
})
