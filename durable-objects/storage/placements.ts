/** What the breaker object of each published placement was told last. */

type PlacementRow = { name: string; config: string }

export const listPlacements = (sql: SqlStorage): ReadonlyMap<string, string> =>
  new Map(
    sql
      .exec<PlacementRow>('SELECT name, config FROM placements')
      .toArray()
      .map(({ name, config }) => [name, config]),
  )

export const hasPlacements = (sql: SqlStorage): boolean =>
  sql.exec('SELECT 1 FROM placements LIMIT 1').toArray().length > 0

export const hasPlacement = (sql: SqlStorage, name: string): boolean =>
  sql.exec('SELECT 1 FROM placements WHERE name = ?', name).toArray().length > 0

export function keepPlacement(sql: SqlStorage, name: string, config: string): void {
  sql.exec('INSERT OR REPLACE INTO placements VALUES (?, ?)', name, config)
}

export function forgetPlacement(sql: SqlStorage, name: string): void {
  sql.exec('DELETE FROM placements WHERE name = ?', name)
}
