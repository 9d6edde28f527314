import type { Access } from './auth.ts'
import type { Answer, Call } from './call.ts'
import { listRevisions, publish, rollBack, showConfig, showDiff, showRevision } from './config.ts'
import { drain, undrain } from './drain.ts'
import { explainKey, explainRequest } from './explain.ts'
import { showHealth, showHeld, showReadiness } from './pages.ts'
import { forceBreaker, listPlacements, showPlacement } from './placements.ts'

/** One page of the router's own. GET serves HEAD too. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  /** `open`: to everybody; `debug`: to everybody in local development, else with a token. */
  readonly access: Access | 'open' | 'debug'
  answer(call: Call): Answer | Promise<Answer>
}

/** Every page there is: what is not here answers 404, and another method of what is here 405. */
export const ROUTES: readonly Route[] = [
  { method: 'GET', path: '/health', access: 'open', answer: showHealth },
  { method: 'GET', path: '/ready', access: 'open', answer: showReadiness },
  { method: 'GET', path: '/debug/config', access: 'debug', answer: showHeld },
  { method: 'GET', path: '/admin/config', access: 'read', answer: showConfig },
  { method: 'POST', path: '/admin/config', access: 'write', answer: publish },
  { method: 'GET', path: '/admin/config/revisions', access: 'read', answer: listRevisions },
  {
    method: 'GET',
    path: '/admin/config/revisions/:revision',
    access: 'read',
    answer: showRevision,
  },
  { method: 'GET', path: '/admin/config/diff', access: 'read', answer: showDiff },
  { method: 'POST', path: '/admin/config/rollback', access: 'write', answer: rollBack },
  { method: 'GET', path: '/admin/explain', access: 'read', answer: explainKey },
  { method: 'POST', path: '/admin/explain', access: 'write', answer: explainRequest },
  { method: 'GET', path: '/admin/placements', access: 'read', answer: listPlacements },
  { method: 'GET', path: '/admin/placements/:placement', access: 'read', answer: showPlacement },
  {
    method: 'POST',
    path: '/admin/placements/:placement/breaker',
    access: 'write',
    answer: forceBreaker,
  },
  {
    method: 'POST',
    path: '/admin/placements/:placement/drain',
    access: 'write',
    answer: drain,
  },
  {
    method: 'DELETE',
    path: '/admin/placements/:placement/drain',
    access: 'write',
    answer: undrain,
  },
]

/** The methods of each path, for `Allow`. */
export function listAllowed(path: string): string {
  const methods = ROUTES.filter((route) => route.path === path).map(({ method }) => method)
  return methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ')
}
