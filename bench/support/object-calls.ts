import { publishAndWait } from '../../test/support/api.ts'
import { startFixture } from '../../test/support/fixture.ts'
import { send } from '../../test/support/http.ts'
import { startIsolates } from '../../test/support/isolates.ts'
import type { Control } from '../../test/support/stand-in/control.ts'

/** Calls of breaker objects per 1,000 requests of healthy traffic: 200 a second, one isolate. */
export async function measureObjectCalls(
  control: Control,
  seconds: number,
): Promise<{ text: string; requests: number; calls: number }> {
  const fixture = await startFixture()
  const isolates = await startIsolates(1, {
    breaker: 'test/support/stand-in/breaker.ts',
    control: control.url,
  })
  const [member] = isolates.members
  if (member === undefined) throw new Error('no isolate')
  await publishAndWait(member, {
    schema: 1,
    routingTable: { a: 'a' },
    defaultPlacement: 'a',
    placements: { a: { endpoints: [fixture.cells.visa.url] } },
  })
  const PER_SECOND = 200
  const fire = async (count: number) => {
    const startedAt = performance.now()
    const all: Promise<unknown>[] = []
    for (let sent = 0; sent < count; sent++) {
      const waitMs = startedAt + (sent * 1_000) / PER_SECOND - performance.now()
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
      all.push(send(member, { path: '/x', key: 'a' }))
    }
    await Promise.all(all)
  }
  await fire(5 * PER_SECOND)
  const before = control.questions.length
  const requests = seconds * PER_SECOND
  await fire(requests)
  const calls = control.questions.length - before
  await isolates.stop()
  await fixture.close()
  const rate = ((calls * 1_000) / requests).toFixed(2)
  const verdict = (calls * 1_000) / requests <= 1 ? 'met' : 'missed'
  const text = `${requests} healthy requests at ${PER_SECOND} a second on one isolate: ${calls} calls of a breaker object, **${rate} per 1,000** (aim: ≤ 1: **${verdict}**), none of them waited for.`
  return { text, requests, calls }
}
