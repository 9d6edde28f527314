import type * as z from 'zod/mini'
import type { Findings, Path } from './findings.ts'
import { suggest } from './suggest.ts'

/**
 * Reports what a schema of schema.ts has to say about a value, in our own words: zod/mini brings
 * none. `path` leads to the value, which must have been parsed with `reportInput`.
 */
export function reportIssues(
  findings: Findings,
  path: Path,
  issues: readonly z.core.$ZodIssue[],
): void {
  for (const issue of issues) {
    const at = [...path, ...issue.path.map(String)]
    if (issue.code === 'unrecognized_keys') {
      for (const name of issue.keys) {
        const near = () => suggest(name, issue.message.split(' '))
        findings.add([...at, name], 'unknown_field', () => `unknown field "${name}"${near()}`)
      }
    } else if (issue.input === undefined) {
      findings.add(at, 'missing_field', `"${at.at(-1)}" is required`)
    } else if (issue.code === 'invalid_type') {
      const message = `must be ${issue.expected}, not ${nameType(issue.input)}`
      findings.add(at, 'wrong_type', message)
    } else {
      const [code = '', ...words] = issue.message.split(' ')
      findings.add(at, code, words.join(' '))
    }
  }
}

/** What a value of the document is called in JSON. */
export function nameType(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}
