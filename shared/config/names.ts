import { quote } from './findings.ts'
import { suggest } from './suggest.ts'

/** Comparing a name with all others is dear; after so many wrong names the pattern is plain. */
const MAX_SUGGESTIONS = 50

/** The names, at most 2,000, that references in a document are checked against. */
export interface Names {
  has(name: string): boolean
  /** `unknown placement "teir1" (did you mean "tier1"?)` */
  describeUnknown(name: string): string
}

export function collectNames(keys: Iterable<string>): Names {
  const names = new Set(keys)
  const suggestions = new Map<string, string>()
  return {
    has: (name) => names.has(name),
    describeUnknown(name) {
      if (!suggestions.has(name) && suggestions.size < MAX_SUGGESTIONS) {
        suggestions.set(name, suggest(name, names))
      }
      return `unknown placement ${quote(name)}${suggestions.get(name) ?? ''}`
    },
  }
}
