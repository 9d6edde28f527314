import { describe, expect, it } from 'vitest'
import {
  checkIfMatch,
  failsIfNoneMatch,
  holdsIfMatch,
  printEtag,
} from '../../../shared/config/etag.ts'
import type { Revision } from '../../../shared/rpc/coordinator.ts'

const current: Revision = {
  revision: 7,
  label: '',
  author: 'admin',
  publishedAt: '2026-11-20T12:00:00.000Z',
  checksum: '0123456789abcdef'.repeat(4),
  parent: 6,
  restoredFrom: null,
}
const etag = '"7-0123456789ab"'

describe('the entity tag of a revision', () => {
  it('is its number and the first 12 hex of its checksum, quoted', () => {
    expect(printEtag(current)).toBe(etag)
  })

  it.each([
    ['the tag itself', etag, true, true],
    ['any', '*', true, true],
    ['any, with blanks', ' * ', true, true],
    ['a list with it', `"a", ${etag} ,"b"`, true, true],
    ['a list with empty elements', `, ,${etag}`, true, true],
    ['a list without it', '"a", "b"', false, false],
    ['its weak form', `W/${etag}`, false, true],
    ['a tag that has a comma inside', `"a,b", ${etag}`, true, true],
    ['a longer tag', '"7-0123456789abc"', false, false],
    ['the tag without quotes', '7-0123456789ab', false, false],
    ['a broken list with it behind', `broken ${etag}`, false, false],
    ['nothing', '', false, false],
  ])(
    'is compared with %s: strongly for If-Match, weakly for If-None-Match',
    (_name, field, strong, weak) => {
      expect([holdsIfMatch(field, etag), failsIfNoneMatch(field, etag)]).toEqual([strong, weak])
    },
  )

  it.each(['*', etag])('does not exist while nothing is published: %s', (field) => {
    expect([holdsIfMatch(field, undefined), failsIfNoneMatch(field, undefined)]).toEqual([
      false,
      false,
    ])
  })

  it('takes time in proportion to the field, however odd', () => {
    expect(holdsIfMatch(`${'"x" '.repeat(20_000)}!`, etag)).toBe(false)
    expect(holdsIfMatch(' '.repeat(100_000), etag)).toBe(false)
  })
})

describe('a write', () => {
  it('goes on when it names the current revision, or names none and need not (C01, C03)', () => {
    expect(checkIfMatch(etag, current, true)).toBeUndefined()
    expect(checkIfMatch(undefined, current, false)).toBeUndefined()
  })

  it('must name one where that is required, except the very first (C03)', () => {
    expect(checkIfMatch(undefined, current, true)?.code).toBe('if_match_required')
    expect(checkIfMatch(undefined, undefined, true)).toBeUndefined()
  })

  it('is stale when the revision moved on, and hears which is current (C02)', () => {
    const { revision, publishedAt, author } = current
    expect(checkIfMatch('"6-0"', current, false)).toMatchObject({
      code: 'stale_revision',
      extra: { current: { revision, etag, publishedAt, author } },
    })
    expect(checkIfMatch('*', undefined, false)).toMatchObject({ extra: { current: null } })
  })
})
