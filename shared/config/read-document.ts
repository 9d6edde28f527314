import type { Problem } from '../problem/problem.ts'
import { fail, type Result, succeed } from '../result.ts'
import type { Finding } from '../rpc/coordinator.ts'
import { printCanonical } from './canonical.ts'
import { checkDocument } from './check.ts'
import type { Config } from './config.ts'
import type { EndpointContext } from './endpoint.ts'
import { Findings, quote } from './findings.ts'
import { type JsonObject, parseJson } from './json.ts'
import { MAX_FINDINGS } from './limits.ts'
import { isObject } from './plain.ts'
import { type Upgraded, upgradeBaseline } from './upgrade.ts'
import { collectWarnings } from './warn.ts'

export interface ReadDocument {
  readonly config: Config
  /** Of the document as it was published, in its own format: what the checksum is taken of. */
  readonly canonical: string
  readonly warnings: readonly Finding[]
}

/**
 * From the text of a document, in schema 1 or one of the baseline's two formats, to a config.
 * The problem is `invalid_json` (with `line` and `column`) or `invalid_config` (with `errors`, all of
 * them up to 1,000). How large the text may be is for the caller to check.
 */
export function readDocument(
  text: string,
  context: EndpointContext,
): Result<ReadDocument, Problem> {
  const findings = new Findings(MAX_FINDINGS)
  const parsed = parseJson(text, findings)
  if (!parsed.ok) {
    const { line, column, message } = parsed.error
    const detail = `${message} (line ${line}, column ${column})`
    return fail({ code: 'invalid_json', detail, extra: { line, column } })
  }
  const document = parsed.value
  if (!isObject(document)) {
    findings.add([], 'wrong_type', 'a document is an object')
    return refuse(findings.list())
  }
  const current = upgrade(document, findings)
  if (current === null) return refuse(findings.list())
  const config = checkDocument(current.document, context, findings)
  if (config === null) return refuse(relocate(findings.list(), current.locate))
  const warnings = collectWarnings(document, config)
  return succeed({ config, canonical: printCanonical(document), warnings })
}

/** Formats are told apart by `schema`; null when nothing here can read this one. */
function upgrade(document: JsonObject, findings: Findings): Upgraded | null {
  const schema = document.get('schema')
  if (schema === undefined) return upgradeBaseline(document, findings)
  if (schema === 1) return { document, locate: null }
  const message = `schema ${quote(printCanonical(schema))} is unknown; this router reads schema 1, and the formats of the baseline, which have no "schema"`
  findings.add(['schema'], 'unknown_schema', message)
  return null
}

/** Two fields of schema 1 may come from one of the baseline: their errors are one error there. */
function relocate(errors: readonly Finding[], locate: Upgraded['locate']): readonly Finding[] {
  if (locate === null) return errors
  const located = errors.map((error) => ({ ...error, pointer: locate(error.pointer) }))
  return [...new Map(located.map((error) => [`${error.pointer} ${error.code}`, error])).values()]
}

function refuse(errors: readonly Finding[]): Result<never, Problem> {
  const [first] = errors
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''
  const detail = `${first?.pointer}: ${first?.message}${more}`
  return fail({ code: 'invalid_config', detail, extra: { errors } })
}
