/** What a part of the benchmark hands over: its section in Markdown on stdout, its numbers as JSON. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../../scripts/local.ts'

/** Sections of the last run; RESULTS.md is made from them. */
export const SECTIONS = join(ROOT, 'dist/bench')

export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

/** Prints the section; progress goes to stderr, so that stdout is the section alone. */
export function deliver(part: string, markdown: string, numbers: object): void {
  mkdirSync(SECTIONS, { recursive: true })
  writeFileSync(join(SECTIONS, `${part}.json`), `${JSON.stringify(numbers, null, 2)}\n`)
  console.log(markdown.trim())
}

export const MEBIBYTE = 1024 * 1024
export const printMiB = (bytes: number): string => (bytes / MEBIBYTE).toFixed(1)
export const printKiB = (bytes: number): string => (bytes / 1024).toFixed(1)
export const printMs = (ms: number): string => ms.toFixed(1)
