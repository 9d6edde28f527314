import type { Finding } from '../rpc/coordinator.ts'
import type { Config } from './config.ts'
import { Findings } from './findings.ts'
import type { Json, JsonObject } from './json.ts'
import { MAX_WARNINGS } from './limits.ts'
import { isObject } from './plain.ts'

/** What is valid and yet not what its author may think. `document` is as it was published. */
export function collectWarnings(document: JsonObject, config: Config): readonly Finding[] {
  const warnings = new Findings(MAX_WARNINGS)
  warnAboutFields(document.get('placements'), warnings)
  warnAboutKeys(config, warnings)
  return warnings.list()
}

/** One warning per field, with the pointer of its first use. */
function warnAboutFields(placements: Json | undefined, warnings: Findings): void {
  const seen = new Set<string>()
  const warn = (name: string, field: string, what: string) => {
    if (seen.has(what)) return
    seen.add(what)
    const message = `${what} is accepted and has no effect in this version`
    warnings.add(['placements', name, ...field.split('/')], 'not_in_effect', message)
  }
  for (const [name, placement] of isObject(placements) ? placements : []) {
    if (!isObject(placement)) continue
    const dispatch = findDispatch(placement.get('endpoints'))
    if (dispatch >= 0) warn(name, `endpoints/${dispatch}`, 'a "dispatch" endpoint')
  }
}

function findDispatch(endpoints: Json | undefined): number {
  if (!Array.isArray(endpoints)) return -1
  return endpoints.findIndex((endpoint: Json) => isObject(endpoint) && endpoint.has('dispatch'))
}

/** Keys that the data plane would refuse, or that no source can carry. */
function warnAboutKeys(config: Config, warnings: Findings): void {
  const isHeaderOnly = config.routingKey.every((source) => source.kind === 'header')
  for (const key of config.routingTable.keys()) {
    const reason = explainUnreachable(key, isHeaderOnly)
    if (reason !== null) {
      const message = `no request can carry this key: ${reason}`
      warnings.add(['routingTable', key], 'unreachable_key', message)
    }
  }
}

function explainUnreachable(key: string, isHeaderOnly: boolean): string | null {
  if (key === '') return 'it is empty'
  if (/\p{Cc}/u.test(key)) return 'it has a control character'
  if (!isHeaderOnly) return null
  // RFC 9110 section 5.3: a comma is what joins a header that was sent twice.
  if (key.includes(',')) return 'a header value with a comma reads as a header sent twice'
  return /^ | $/.test(key) ? 'a header value has no space at its ends' : null
}
