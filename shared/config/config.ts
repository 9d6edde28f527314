import type { KeySource, Placement } from './snapshot.ts'

/**
 * A config after upgrade and check: total (every default filled in), durations in milliseconds,
 * placements by name. Every name in it refers to something that exists.
 */
export interface Config {
  /** '' when the document has none. */
  readonly label: string
  readonly routingKey: readonly KeySource[]
  /** Routing key → placement name, in document order. */
  readonly routingTable: ReadonlyMap<string, string>
  readonly defaultPlacement: string
  readonly escapedSlashes: 'keep' | 'reject'
  readonly trustForwarded: boolean
  /** Name → placement, in document order. */
  readonly placements: ReadonlyMap<string, PlacementConfig>
}

export type PlacementConfig = Omit<Placement, 'name' | 'fallback'> & {
  /** Names of placements, in the order in which they are tried. */
  readonly fallback: readonly string[]
}
