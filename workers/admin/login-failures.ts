/**
 * Slows down guessing of tokens, per isolate: a minute's failures by source and of all sources.
 * A source that never failed is always heard, so that strangers cannot lock an operator out.
 */
const WINDOW_MS = 60_000
const MOST_BY_SOURCE = 20
const MOST_OF_ALL = 200
const MOST_SOURCES = 1_000

export class LoginFailures {
  #windowEndsAt = 0
  #all = 0
  readonly #bySource = new Map<string, number>()

  /** Seconds to wait before the source is heard again; 0: it may try. `now` in epoch ms. */
  waitSeconds(source: string, now: number): number {
    if (now >= this.#windowEndsAt) return 0
    const own = this.#bySource.get(source) ?? 0
    const isBlocked = own >= MOST_BY_SOURCE || (own > 0 && this.#all >= MOST_OF_ALL)
    return isBlocked ? Math.ceil((this.#windowEndsAt - now) / 1_000) : 0
  }

  note(source: string, now: number): void {
    if (now >= this.#windowEndsAt) {
      this.#windowEndsAt = now + WINDOW_MS
      this.#all = 0
      this.#bySource.clear()
    }
    this.#all += 1
    const own = this.#bySource.get(source)
    if (own === undefined && this.#bySource.size >= MOST_SOURCES) return
    this.#bySource.set(source, (own ?? 0) + 1)
  }
}
