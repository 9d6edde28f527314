import { type BreakerView, isNewerView, isTransient } from '../../shared/breaker/view.ts'
import type { Views } from '../../shared/rpc/breaker.ts'

/**
 * What the breaker objects told last, one row per placement whose breaker has ever changed. The
 * version rises for ever, so that an isolate that names the one it holds gets what it missed.
 */

type ViewRow = { placement: string; view: string; toldAt: number }

/** Views that are closed for so long are left out of whole lists: nobody holds an older one. */
const CLOSED_MS = 10 * 60 * 1_000

export const readViewsVersion = (sql: SqlStorage): number =>
  sql.exec<{ version: number }>('SELECT version FROM views_version').one().version

/** Keeps a view unless a newer one is there; the same one again is heard once more. */
export function keepView(sql: SqlStorage, placement: string, view: BreakerView, now: number): void {
  const held = readView(sql, placement)
  const text = JSON.stringify(view)
  if (held !== undefined && !isNewerView(view, held)) {
    const isSame = held.epoch === view.epoch && held.version === view.version
    if (isSame)
      sql.exec('UPDATE views SET toldAt = ?, view = ? WHERE placement = ?', now, text, placement)
    return
  }
  const version = readViewsVersion(sql) + 1
  sql.exec('UPDATE views_version SET version = ?', version)
  sql.exec(
    'INSERT OR REPLACE INTO views (placement, version, isTransient, toldAt, view) VALUES (?, ?, ?, ?, ?)',
    placement,
    version,
    isTransient(view) ? 1 : 0,
    now,
    text,
  )
}

function readView(sql: SqlStorage, placement: string): BreakerView | undefined {
  const query = 'SELECT view FROM views WHERE placement = ?'
  const row = sql.exec<{ view: string }>(query, placement).toArray()[0]
  return row && JSON.parse(row.view)
}

export function forgetView(sql: SqlStorage, placement: string): void {
  sql.exec('DELETE FROM views WHERE placement = ?', placement)
}

/** What changed after `since`, and what lives by being repeated. */
export function listViewsSince(sql: SqlStorage, since: number, now: number): Views {
  const query = 'SELECT placement, view, toldAt FROM views WHERE version > ? OR isTransient = 1'
  return print(sql.exec<ViewRow>(query, since).toArray(), now)
}

/** For whoever holds none, or a version that never was. */
export function listAllViews(sql: SqlStorage, now: number): Views {
  const rows = sql.exec<ViewRow>('SELECT placement, view, toldAt FROM views').toArray()
  return print(rows, now).filter(({ view }) => view.phase !== 'closed' || view.ageMs < CLOSED_MS)
}

const print = (rows: readonly ViewRow[], now: number): Views =>
  rows.map(({ placement, view, toldAt }) => {
    const told: BreakerView = JSON.parse(view)
    return { placement, view: { ...told, ageMs: Math.max(0, now - toldAt) } }
  })
