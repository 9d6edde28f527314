/** What the clients of one run did and saw: the other side of the comparison after each crash. */

export interface HistoryRow {
  readonly revision: number
  readonly label: string
  readonly checksum: string
  readonly publishedAt: string
  readonly parent: number | null
  readonly restoredFrom: number | null
}

export type Outcome =
  | { readonly kind: 'acked'; readonly at: number; readonly receipt: HistoryRow & { etag: string } }
  | { readonly kind: 'refused'; readonly status: number }
  /** The connection was lost before the answer was complete. */
  | { readonly kind: 'unknown' }

export interface Attempt {
  /** Idempotency-Key and label at once: no two attempts have the same content. */
  readonly label: string
  readonly text: string
  /** Where the document routes the key "probe". */
  readonly probe: string
  /** The revision that If-Match named; undefined without one. */
  readonly over?: { readonly revision: number; readonly etag: string }
  readonly startedAt: number
  outcome: Outcome
}

export interface Read {
  readonly reader: string
  /** admin: the current document from the coordinator; route: a routed request. */
  readonly kind: 'admin' | 'route'
  readonly life: number
  readonly startedAt: number
  readonly endedAt: number
  readonly revision: number
  /** admin: the entity tag. route: the placement that answered. */
  readonly seen: string
  /** admin: the document. */
  readonly text?: string
}

/** Something that a promise of the coordinator forbids. "failed": a request that had no reason to. */
export interface Finding {
  readonly kind: 'lost' | 'torn' | 'backward' | 'duplicate' | 'gap' | 'changed' | 'failed'
  readonly life: number
  readonly detail: string
}

/** Grows over the lives of a run. */
export interface Book {
  readonly attempts: Map<string, Attempt>
  readonly reads: Read[]
  /** As the history showed it after an earlier crash: it may never change again. */
  readonly rows: Map<number, HistoryRow>
  readonly findings: Finding[]
  newest: number
  /** Publishes without an answer that had been stored all the same. */
  storedUnknown: number
}

export const openBook = (): Book => ({
  attempts: new Map(),
  reads: [],
  rows: new Map(),
  findings: [],
  newest: 0,
  storedUnknown: 0,
})
