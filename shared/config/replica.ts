/**
 * A copy of the newest snapshot outside the coordinator, for isolates that start while it is away.
 * It may lag, and it may be absent. Both methods reject when the store cannot be reached.
 */
export interface Replica {
  /** undefined: nothing was ever put. */
  get(): Promise<Uint8Array | undefined>
  put(bytes: Uint8Array): Promise<void>
}
