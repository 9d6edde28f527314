import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../../shared/config/config.ts'
import type { EndpointContext } from '../../shared/config/endpoint.ts'
import { type ReadDocument, readDocument } from '../../shared/config/read-document.ts'
import type { Problem } from '../../shared/problem/problem.ts'
import type { Finding } from '../../shared/rpc/coordinator.ts'

export type Fields = Readonly<Record<string, unknown>>

/** The smallest document of schema 1. */
export const aSmallDocument = (changes: Fields = {}): Fields => ({
  schema: 1,
  routingTable: { acme: 'tier1' },
  defaultPlacement: 'tier1',
  placements: { tier1: { endpoints: ['https://tier1.example.com'] } },
  ...changes,
})

/** A document with one placement, `tier1`, with these fields. */
export const withPlacement = (fields: Fields): Fields =>
  aSmallDocument({ placements: { tier1: { endpoints: ['https://tier1.example.com'], ...fields } } })

/** A document of the baseline's second format with one placement, `tier1`. */
export const aBaseline = (changes: Fields = {}, placement: Fields = {}): Fields => ({
  version: '1.0.0',
  routingTable: { acme: 'tier1' },
  placements: { tier1: { url: 'http://cell-tier1:9001', ...placement } },
  defaultPlacement: 'tier1',
  ...changes,
})

const CONTEXT: EndpointContext = {
  allowPrivateEndpoints: false,
  services: new Set(['CELL_TIER1', 'CELL_TIER2', 'CELL_TIER3', 'CELL_VISA']),
  dispatchNamespaces: new Set(['CELLS']),
}

const read = (document: unknown, context: Partial<EndpointContext>) =>
  readDocument(typeof document === 'string' ? document : JSON.stringify(document), {
    ...CONTEXT,
    ...context,
  })

/** `document`: a text, or a value to print as JSON. */
export function accepted(document: unknown, context: Partial<EndpointContext> = {}): ReadDocument {
  const result = read(document, context)
  if (!result.ok) throw new Error(`refused: ${JSON.stringify(result.error)}`)
  return result.value
}

export const configOf = (document: unknown): Config => accepted(document).config

export function refused(document: unknown, context: Partial<EndpointContext> = {}): Problem {
  const result = read(document, context)
  if (result.ok) throw new Error('the document was accepted')
  return result.error
}

export const errorsOf = (document: unknown, context: Partial<EndpointContext> = {}): Finding[] => {
  const errors = refused(document, context).extra?.['errors']
  return Array.isArray(errors) ? errors : []
}

/** "pointer code" of each error, in order. */
export const codesOf = (document: unknown, context: Partial<EndpointContext> = {}): string[] =>
  errorsOf(document, context).map(({ pointer, code }) => `${pointer} ${code}`)

export const readText = (path: string): string =>
  readFileSync(join(import.meta.dirname, '../..', path), 'utf8')
