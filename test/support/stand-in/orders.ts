/** What the control server of a test and the stand-in coordinator say to each other. */

/** Where the stand-in asks before it goes on. */
export type Gate =
  | 'refresh'
  | 'before-publish'
  | 'after-publish'
  | 'before-alarm'
  | 'after-alarm'
  | 'breaker'

/** "hang" is not among the orders: the control server then simply does not answer. */
export interface Order {
  readonly act: 'pass' | 'throw' | 'garbage' | 'older'
  /** Counts the questions in this mode, from 0: which kind of nonsense it is. */
  readonly turn: number
  /** A document that the object publishes by itself before it goes on. */
  readonly document?: string
}
