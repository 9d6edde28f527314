import { afterEach, describe, expect, it, vi } from 'vitest'
import { startAdmin } from '../../support/admin.ts'
import { captureLog } from '../../support/coordinator.ts'

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

describe('without its coordinator the admin API', () => {
  it.each([
    ['throws', () => Promise.reject(new Error('secret address 10.0.0.1'))],
    ['answers garbage', () => ({ document: undefined }) as never],
  ])('answers 503 when it %s, and tells nothing of the reason', async (_name, fail) => {
    const errors = captureLog()
    const broken = startAdmin({
      coordinator: () => new Proxy({} as never, { get: () => fail }),
    })
    const response = await broken.ask('/admin/config')
    const text = await response.text()
    expect(response.status).toBe(503)
    expect(JSON.parse(text)).toMatchObject({ code: 'coordinator_unavailable' })
    expect(text).not.toContain('10.0.0.1')
    expect(errors).toContainEqual(
      expect.objectContaining({ event: 'coordinator_unavailable', request_id: 'a-request' }),
    )
  })

  it('answers 503 when it hangs', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const never = new Promise<never>(() => undefined)
    const hanging = startAdmin({
      coordinator: () => new Proxy({} as never, { get: () => () => never }),
    })
    const asked = hanging.ask('/admin/config')
    await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1))
    vi.advanceTimersByTime(10_000)
    vi.useRealTimers()
    expect((await asked).status).toBe(503)
  })
})
