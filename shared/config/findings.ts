import type { Finding } from '../rpc/coordinator.ts'

export type Path = readonly (string | number)[]

/** Of the text of all findings, in characters: keys of the document may be as long as it is. */
const MAX_TEXT = 512 * 1024

const cut = (text: string, length: number): string =>
  text.length > length ? `${text.slice(0, length)}…`.toWellFormed() : text

/** A JSON pointer (RFC 6901), its parts cut so that answers stay small. */
export const printPointer = (path: Path): string =>
  path
    .map((part) => `/${cut(String(part), 200).replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('')

/** A value of the document inside a message: quoted and cut. */
export const quote = (text: string): string => JSON.stringify(cut(text, 80))

/** Collects findings up to a limit, and counts the rest. */
export class Findings {
  readonly #limit: number
  readonly #list: Finding[] = []
  #room = MAX_TEXT
  #omitted = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** True when further findings are only counted, so that looking for them is not worth much. */
  get isFull(): boolean {
    return this.#list.length >= this.#limit || this.#room <= 0
  }

  get isEmpty(): boolean {
    return this.#list.length === 0
  }

  /** `message` may be a function when it is costly: it is not called past the limit. */
  add(path: Path, code: string, message: string | (() => string)): void {
    if (this.isFull) {
      this.#omitted += 1
      return
    }
    const text = cut(typeof message === 'string' ? message : message(), 1_000)
    const pointer = printPointer(path)
    this.#room -= pointer.length + text.length
    this.#list.push({ pointer, code, message: text })
  }

  /** The findings; the last one says how many were left out, if any. */
  list(): readonly Finding[] {
    if (this.#omitted === 0) return this.#list
    const message = `at least ${this.#omitted} more are not listed`
    return [...this.#list, { pointer: '', code: 'more', message }]
  }
}
