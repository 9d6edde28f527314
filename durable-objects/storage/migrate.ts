/**
 * The storage schema of the coordinator, as ordered steps: append, never edit. `chunks` holds
 * everything that may outgrow a row (2 MB): documents by checksum, compiled snapshots by revision,
 * remembered answers by idempotency key.
 */
const MIGRATIONS: readonly string[] = [
  'CREATE TABLE revisions (revision INTEGER PRIMARY KEY, label TEXT NOT NULL,' +
    'author TEXT NOT NULL, publishedAt TEXT NOT NULL, checksum TEXT NOT NULL,' +
    'parent INTEGER, restoredFrom INTEGER);' +
    'CREATE TABLE chunks (owner TEXT NOT NULL, position INTEGER NOT NULL, bytes BLOB NOT NULL,' +
    'PRIMARY KEY (owner, position));' +
    'CREATE TABLE documents (checksum TEXT PRIMARY KEY, lastRevision INTEGER NOT NULL);' +
    'CREATE INDEX documents_by_age ON documents (lastRevision);' +
    'CREATE TABLE snapshots (revision INTEGER PRIMARY KEY, digest TEXT NOT NULL,' +
    'lengthBytes INTEGER NOT NULL);' +
    'CREATE TABLE answers (key TEXT PRIMARY KEY, bodyHash TEXT NOT NULL,' +
    'expiresAt INTEGER NOT NULL);' +
    'CREATE INDEX answers_by_expiry ON answers (expiresAt);' +
    'CREATE TABLE tasks (name TEXT PRIMARY KEY, due INTEGER NOT NULL,' +
    'failures INTEGER NOT NULL, marks INTEGER NOT NULL)',
  'ALTER TABLE documents ADD COLUMN lengthBytes INTEGER NOT NULL DEFAULT 0;' +
    'UPDATE documents SET lengthBytes =' +
    "(SELECT sum(length(bytes)) FROM chunks WHERE owner = 'document/' || checksum)",
  'CREATE TABLE placements (name TEXT PRIMARY KEY, config TEXT NOT NULL)',
  'CREATE TABLE views (placement TEXT PRIMARY KEY, version INTEGER NOT NULL,' +
    'isTransient INTEGER NOT NULL, toldAt INTEGER NOT NULL, view TEXT NOT NULL);' +
    'CREATE INDEX views_by_version ON views (version);' +
    'CREATE INDEX views_transient ON views (isTransient) WHERE isTransient = 1;' +
    'CREATE TABLE views_version (version INTEGER NOT NULL);' +
    'INSERT INTO views_version VALUES (0)',
]

/**
 * Brings the storage to the schema of this code, all or nothing. Throws when it was written by
 * newer code: running on it could destroy what this code does not understand.
 */
export function migrate(storage: DurableObjectStorage, migrations = MIGRATIONS): void {
  storage.transactionSync(() => {
    const { sql } = storage
    sql.exec('CREATE TABLE IF NOT EXISTS storage_schema (version INTEGER NOT NULL)')
    const row = sql.exec<{ version: number }>('SELECT version FROM storage_schema').toArray()[0]
    const version = row?.version ?? 0
    if (version > migrations.length)
      throw new Error(
        `the storage has schema ${version} and this code knows up to ${migrations.length}: deploy the newer code again`,
      )
    if (version === migrations.length) return
    for (const migration of migrations.slice(version)) sql.exec(migration)
    sql.exec('DELETE FROM storage_schema')
    sql.exec('INSERT INTO storage_schema (version) VALUES (?)', migrations.length)
  })
}
