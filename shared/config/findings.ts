import type { Finding } from '../rpc/coordinator.ts'

export type Path = readonly (string | number)[]

/** A JSON pointer (RFC 6901). */
export function printPointer(path: Path): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

/** A value of the document inside a message: quoted, and cut so that answers stay small. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…`.toWellFormed() : text)
}

/** Collects findings up to a limit, and counts the rest. */
export class Findings {
  readonly #limit: number
  readonly #list: Finding[] = []
  #omitted = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** True when further findings are only counted, so that looking for them is not worth much. */
  get isFull(): boolean {
    return this.#list.length >= this.#limit
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
    const text = typeof message === 'string' ? message : message()
    this.#list.push({ pointer: printPointer(path), code, message: text })
  }

  addAll(findings: readonly Finding[]): void {
    const room = this.#limit - this.#list.length
    this.#list.push(...findings.slice(0, room))
    this.#omitted += Math.max(0, findings.length - room)
  }

  /** The findings; the last one says how many were left out, if any. */
  list(): readonly Finding[] {
    if (this.#omitted === 0) return this.#list
    const message = `at least ${this.#omitted} more are not listed`
    return [...this.#list, { pointer: '', code: 'more', message }]
  }
}
