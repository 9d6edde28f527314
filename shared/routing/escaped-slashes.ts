import type { Snapshot } from '../config/snapshot.ts'
import type { Problem } from '../problem/problem.ts'
import { fail, type Result, succeed } from '../result.ts'
import type { Target } from './path.ts'

const ACCEPTED = succeed(undefined)

/** Configured: whether `%2f` in a path is opaque to the cells behind this router. */
export function refuseEscapedSlash(
  snapshot: Pick<Snapshot, 'escapedSlashes'>,
  target: Pick<Target, 'path'>,
): Result<undefined, Problem> {
  if (snapshot.escapedSlashes === 'keep' || !/%2f/i.test(target.path)) return ACCEPTED
  return fail({ code: 'invalid_path', detail: 'The path has an encoded slash' })
}
