import { succeed } from '../../shared/result.ts'
import { type Answer, type Call, readHeld } from './call.ts'

/** The small pages that tell whether this router lives and what it routes by. */

/** Liveness: nothing is called, so nothing can make it fail. */
export const showHealth = (): Answer => succeed({ status: 200, body: { status: 'ok' } })

/** Readiness: there is a snapshot to route by, whatever its source. */
export async function showReadiness(call: Call): Promise<Answer> {
  const held = await readHeld(call)
  return held.ok ? succeed({ status: 200, body: { status: 'ready' } }) : held
}

export async function showHeld(call: Call): Promise<Answer> {
  const held = await readHeld(call)
  if (!held.ok) return held
  const { snapshot, source, loadedAt } = held.value
  const body = {
    version: snapshot.label,
    revision: snapshot.revision,
    source,
    last_reload_at: new Date(loadedAt).toISOString(),
    age_ms: Math.max(0, Date.now() - loadedAt),
  }
  return succeed({ status: 200, body })
}
