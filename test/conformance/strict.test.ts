import { describe, expect, it } from 'vitest'
import { getConfig, getDebugConfig, publish, publishAndWait } from '../support/api.ts'
import { expectProblem, useBench } from '../support/conformance.ts'
import { TARGET_KINDS } from '../support/targets.ts'
import {
  printDocument,
  publishNew,
  readCurrent,
  readHistory,
  waitForCell,
} from './control-plane/ask.ts'

const READ_TOKEN = 'a-read-token-for-tests-of-38-characters'

describe.each(TARGET_KINDS)('a strict router that restarts, npm target %s', (kind) => {
  const bench = useBench(kind, undefined, {
    vars: { REQUIRE_IF_MATCH: 'true', ADMIN_READ_TOKEN: READ_TOKEN },
  })

  it('C03 with REQUIRE_IF_MATCH a publish has to name what it replaces', async () => {
    const before = await readCurrent(bench.target)
    const document = printDocument(bench, 'strict')
    const answer = await publish(bench.target, document)
    expectProblem(answer, { status: 428, code: 'if_match_required' })
    expect(await readCurrent(bench.target)).toEqual(before)
    const published = await publishNew(bench.target, document, { 'If-Match': before.etag })
    expect(published.revision).toBe(before.revision + 1)
  })

  it('D71 a read token reads the configuration and may not publish', async () => {
    const before = await readCurrent(bench.target)
    const read = await getConfig(bench.target, { token: READ_TOKEN })
    expect([read.status, read.headers.etag]).toEqual([200, before.etag])
    const answer = await publish(bench.target, printDocument(bench, 'never'), {
      token: READ_TOKEN,
      headers: { 'If-Match': before.etag },
    })
    expectProblem(answer, { status: 403, code: 'forbidden' })
    expect(await readCurrent(bench.target)).toEqual(before)
  })

  it('D83 after a restart revision, document and history are what they were, and traffic follows', async () => {
    const { target } = bench
    for (const label of ['before the restart', 'just before the restart']) {
      const { etag } = await readCurrent(target)
      const document = printDocument(bench, label)
      document.routingTable['newco'] = 'tier2'
      await publishAndWait(target, document, { headers: { 'If-Match': etag } })
    }
    const current = await readCurrent(target)
    const history = await readHistory(target)
    await target.restart()
    expect(await readCurrent(target)).toEqual(current)
    expect(await readHistory(target)).toEqual(history)
    await waitForCell(target, 'newco', 'tier2')
    expect((await getDebugConfig(target)).source).not.toBe('bootstrap')
    const document = printDocument(bench, 'after the restart')
    const next = await publishNew(target, document, { 'If-Match': current.etag })
    expect(next.revision).toBe(current.revision + 1)
  })
})
