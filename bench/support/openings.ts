import { callAdmin, publishAndWait } from '../../test/support/api.ts'
import { startFixture } from '../../test/support/fixture.ts'
import { pollUntil, send } from '../../test/support/http.ts'
import { startIsolates } from '../../test/support/isolates.ts'
import { printMs } from './section.ts'

const AT_A_TIME = 64

const at = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`)

/** That many placements fail at once: whether every isolate hears of every breaker, and how soon. */
export async function measureOpenings(
  count: number,
): Promise<{ text: string; openedMs: number; heardMs: number; heard: number }> {
  const fixture = await startFixture()
  const isolates = await startIsolates(2)
  const [first, second] = isolates.members
  if (first === undefined || second === undefined) throw new Error('two isolates were asked for')
  const names = at('p', count)
  // An isolate for which almost everything fails takes itself for the cause.
  const healthy = at('h', Math.ceil(count / 3))
  const all = [...names, ...healthy]
  const breaker = { consecutiveFailures: 1, window: null, openFor: '10m', openForMax: '10m' }
  fixture.cells.visa.answer('/fails', (_, response) => void response.writeHead(500).end())
  const { revision } = await publishAndWait(first, {
    schema: 1,
    routingTable: Object.fromEntries(all.map((name) => [name, name])),
    defaultPlacement: 'rest',
    placements: {
      rest: { endpoints: [fixture.cells.tier3.url] },
      ...Object.fromEntries(
        all.map((name) => [
          name,
          { endpoints: [fixture.cells.visa.url], fallback: ['rest'], circuitBreaker: breaker },
        ]),
      ),
    },
  })
  await pollUntil(
    () => send(second, { path: '/x', key: 'p0' }),
    ({ headers }) => headers['x-config-revision'] === String(revision),
    30_000,
  )
  const newest = names.at(-1) ?? ''
  await pollUntil(
    () => callAdmin(first, { path: `/admin/placements/${newest}` }),
    (answer) => !answer.text.includes('"breaker":null'),
    60_000,
  )
  for (const name of healthy) await send(first, { path: '/x', key: name })
  const startedAt = performance.now()
  const waiting = [...names]
  const fail = async () => {
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop())
      await send(first, { path: '/fails', key: name })
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, fail))
  const openedMs = performance.now() - startedAt
  const countHeard = async () => {
    await send(second, { path: '/x', key: 'unknown' })
    let heard = 0
    for (const name of names) {
      const answer = await callAdmin(second, { path: `/admin/explain?key=${name}` })
      if (answer.json()['circuitState'] === 'open') heard++
    }
    return heard
  }
  const heard = await pollUntil(countHeard, (now) => now === count, 30_000).catch(countHeard)
  const heardMs = performance.now() - startedAt
  await isolates.stop()
  await fixture.close()
  const text = `${count} placements fail within ${printMs(openedMs)} ms, at one isolate. Another one, without a failure of its own, knows ${heard} of ${count} breakers as open ${printMs(heardMs)} ms after the first failure (asked one by one; its refresh interval is 5 s). Views lost: **${count - heard}**.`
  return { text, openedMs, heardMs, heard }
}
