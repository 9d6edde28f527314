/** Slows down guessing of tokens, per isolate: a minute's failures by source and of all sources. */
const WINDOW_MS = 60_000
const MOST_BY_SOURCE = 20
const MOST_OF_ALL = 200

export class LoginFailures {
  #windowEndsAt = 0
  #all = 0
  /** At most MOST_OF_ALL entries. */
  readonly #bySource = new Map<string, number>()

  /**
   * Notes a wrong token. Seconds to wait when there were too many before it, and then it does not
   * count; 0: there were not. `now` in epoch ms.
   */
  note(source: string, now: number): number {
    if (now >= this.#windowEndsAt) {
      this.#windowEndsAt = now + WINDOW_MS
      this.#all = 0
      this.#bySource.clear()
    }
    const own = this.#bySource.get(source) ?? 0
    if (own >= MOST_BY_SOURCE || this.#all >= MOST_OF_ALL)
      return Math.ceil((this.#windowEndsAt - now) / 1_000)
    this.#all += 1
    this.#bySource.set(source, own + 1)
    return 0
  }
}
