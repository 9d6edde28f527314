export type Sha256 = (bytes: Uint8Array) => Uint8Array

/**
 * The synchronous SHA-256 that lets a publish check, compile and store without an await between.
 * Imported on first use: it costs every start of the Worker 6 ms, and only the coordinator needs it.
 */
export async function loadSha256(): Promise<Sha256> {
  const { createHash } = await import('node:crypto')
  return (bytes) => createHash('sha256').update(bytes).digest()
}
