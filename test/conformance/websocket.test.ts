import { describe, expect, it } from 'vitest'
import { publishAndWait } from '../support/api.ts'
import { useBench } from '../support/conformance.ts'
import { TARGET_KINDS } from '../support/targets.ts'
import { openWebSocket } from '../support/websocket.ts'

describe.each(TARGET_KINDS)('WebSockets, npm target %s', (kind) => {
  const bench = useBench(kind, ({ target, fixture }) =>
    publishAndWait(target, {
      schema: 1,
      routingTable: { visa: 'visa', bound: 'bound' },
      defaultPlacement: 'visa',
      placements: {
        visa: { endpoints: [fixture.cells.visa.url] },
        bound: { endpoints: [{ service: 'CELL_VISA' }] },
      },
    }),
  )

  it.each(['visa', 'bound'])('D27 a WebSocket to the placement %s echoes', async (key) => {
    const socket = await openWebSocket(bench.target, '/chat?room=1', { 'X-Routing-Key': key })
    for (const text of ['hello', 'ünï', 'x'.repeat(1_000)]) {
      socket.say(text)
      expect(await socket.hear()).toBe(text)
    }
    await socket.close()
  })

  it('D27 the upgrade reaches the cell with path, query, id and Via', async () => {
    const { visa } = bench.fixture.cells
    const headers = { 'X-Routing-Key': 'visa', 'X-Request-Id': 'upgrade-1' }
    const socket = await openWebSocket(bench.target, '/room?n=1', headers)
    await socket.close()
    expect(visa.last('/room').url).toBe('/room?n=1')
    expect(visa.last('/room').headers).toMatchObject({
      upgrade: 'websocket',
      'x-request-id': 'upgrade-1',
      via: '1.1 cellway',
    })
  })

  it('D25 D28 the 101 carries the headers of the router, not the copies of the cell', async () => {
    const { visa } = bench.fixture.cells
    visa.upgradeHeaders = [
      'X-Routed-To: evil',
      'X-Circuit-State: evil',
      'X-Request-Id: evil',
      'X-Own: kept',
    ]
    const headers = { 'X-Routing-Key': 'visa', 'X-Request-Id': 'upgrade-2' }
    const socket = await openWebSocket(bench.target, '/forging', headers)
    await socket.close()
    expect(socket.headers).toMatchObject({
      'x-routed-to': 'visa',
      'x-route-reason': 'dedicated',
      'x-request-id': 'upgrade-2',
      'x-config-revision': expect.stringMatching(/^[1-9]\d*$/),
      'x-own': 'kept',
    })
    expect(JSON.stringify(socket.headers)).not.toContain('evil')
  })
})
