import type { Problem } from '../problem/problem.ts'
import type { Revision } from '../rpc/coordinator.ts'

/** Entity tags of revisions, and the conditions that clients build from them (RFC 9110 section 13). */

/** `"<revision>-<first 12 hex of the checksum>"`, quoted as on the wire: a strong tag. */
export const printEtag = (revision: Pick<Revision, 'revision' | 'checksum'>): string =>
  `"${revision.revision}-${revision.checksum.slice(0, 12)}"`

/** If-Match (section 13.1.1): `*` wants anything to exist, a list is compared strongly. */
export const holdsIfMatch = (field: string, current: string | undefined): boolean =>
  matches(field, current, false)

/** If-None-Match (section 13.1.2) fails, so that the answer is 304: a list is compared weakly. */
export const failsIfNoneMatch = (field: string, current: string | undefined): boolean =>
  matches(field, current, true)

/** Why a write may not go on, or undefined. The very first publish has nothing to name. */
export function checkIfMatch(
  field: string | undefined,
  current: Revision | undefined,
  isRequired: boolean,
): Problem | undefined {
  if (field === undefined) {
    if (!isRequired || current === undefined) return undefined
    const detail = 'Name the revision that you have seen: If-Match: "<etag>"'
    return { code: 'if_match_required', detail }
  }
  const etag = current && printEtag(current)
  if (holdsIfMatch(field, etag)) return undefined
  if (current === undefined)
    return { code: 'stale_revision', detail: 'Nothing is published', extra: { current: null } }
  const { revision, publishedAt, author } = current
  return {
    code: 'stale_revision',
    detail: `The current revision is ${revision}, published ${publishedAt} by ${author}`,
    extra: { current: { revision, etag, publishedAt, author } },
  }
}

function matches(field: string, current: string | undefined, isWeak: boolean): boolean {
  if (current === undefined) return false
  if (field.trim() === '*') return true
  const element = /[ \t]*(?:(W\/)?("[\x21\x23-\x7e\x80-\xff]*"))?[ \t]*(?:,|$)/y
  while (element.lastIndex < field.length) {
    const found = element.exec(field)
    if (found === null) return false
    if (found[2] === current && (isWeak || found[1] === undefined)) return true
  }
  return false
}
