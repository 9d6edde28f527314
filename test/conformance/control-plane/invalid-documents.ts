import type { Document } from './ask.ts'

/** Documents that nobody may publish, and where each refusal has to point. */
export interface InvalidDocument {
  readonly what: string
  readonly text: string
  /** 400: line and column; 422: the JSON pointers, joined by spaces. */
  readonly refusal: { readonly status: number; readonly at: readonly [number, number] | string }
}

type Change = (document: Document) => unknown

export function printInvalidDocuments(valid: Document): InvalidDocument[] {
  return [...printBrokenJson(JSON.stringify(valid)), ...printRepeatedKeys(), ...changeValid(valid)]
}

function printBrokenJson(text: string): InvalidDocument[] {
  const broken: [what: string, text: string, line: number, column: number][] = [
    ['an empty body', '', 1, 1],
    ['white space only', ' \n ', 2, 2],
    ['a document that stops', '{"schema": 1', 1, 13],
    ['a trailing comma', '{\n  "schema": 1,\n}', 3, 1],
    ['a missing comma', '{\n  "schema": 1\n  "label": ""\n}', 3, 3],
    ['trailing text', `${text} x`, 1, text.length + 2],
    ['a second document', `${text}\n{}`, 2, 1],
    ['single quotes', "{'schema': 1}", 1, 2],
    ['a comment', '// config\n{}', 1, 1],
    ['not a number', '{"schema": NaN}', 1, 12],
    ['a leading zero', '{"schema": 01}', 1, 13],
    ['a line break in a string', '{"label": "a\nb"}', 1, 13],
    ['an unknown escape', '{"label": "\\x"}', 1, 12],
  ]
  return broken.map(([what, sent, line, column]) => ({
    what,
    text: sent,
    refusal: { status: 400, at: [line, column] },
  }))
}

function printRepeatedKeys(): InvalidDocument[] {
  const rest =
    '"schema": 1, "defaultPlacement": "a", "placements": {"a": {"endpoints": ["https://a.example"]}}'
  const at = (pointer: string) => ({ status: 422, at: pointer })
  return [
    {
      what: 'a field that is given twice',
      text: `{${rest}, "routingTable": {}, "label": "x", "label": "y"}`,
      refusal: at('/label'),
    },
    {
      what: 'a routing key that is given twice',
      text: `{${rest}, "routingTable": {"k": "a", "k": "a"}}`,
      refusal: at('/routingTable/k'),
    },
  ]
}

const visa: (document: Document) => Record<string, unknown> = ({ placements }) =>
  placements['visa'] ?? {}

const CHANGES: [what: string, pointers: string, change: Change][] = [
  ['an unknown schema', '/schema', (d) => Object.assign(d, { schema: 2 })],
  ['a schema that is a string', '/schema', (d) => Object.assign(d, { schema: '1' })],
  ['an unknown field', '/routngTable', (d) => Object.assign(d, { routngTable: {} })],
  ['a label that is a number', '/label', (d) => Object.assign(d, { label: 7 })],
  ['a table that is a list', '/routingTable', (d) => Object.assign(d, { routingTable: [] })],
  ['no placements', '/placements', (d) => Reflect.deleteProperty(d, 'placements')],
  ['placements that are null', '/placements', (d) => Object.assign(d, { placements: null })],
  [
    'an unknown placement in the table',
    '/routingTable/acme',
    (d) => Object.assign(d.routingTable, { acme: 'nowhere' }),
  ],
  [
    'an unknown default placement',
    '/defaultPlacement',
    (d) => Object.assign(d, { defaultPlacement: 'nowhere' }),
  ],
  [
    'an unknown fallback',
    '/placements/visa/fallback/0',
    (d) => Object.assign(visa(d), { fallback: ['nowhere'] }),
  ],
  [
    'a fallback to itself',
    '/placements/visa/fallback/0',
    (d) => Object.assign(visa(d), { fallback: ['visa'] }),
  ],
  [
    'a negative weight',
    '/placements/visa/endpoints/0/weight',
    (d) => Object.assign(visa(d), { endpoints: [{ url: 'https://a.example', weight: -1 }] }),
  ],
  [
    'a URL without a scheme',
    '/placements/visa/endpoints/0',
    (d) => Object.assign(visa(d), { endpoints: ['cell.example'] }),
  ],
  [
    'a URL with user info',
    '/placements/visa/endpoints/0',
    (d) => Object.assign(visa(d), { endpoints: ['https://ann:secret@a.example'] }),
  ],
  [
    'an endpoint that is a number',
    '/placements/visa/endpoints/0',
    (d) => Object.assign(visa(d), { endpoints: [7] }),
  ],
  ['no endpoint', '/placements/visa/endpoints', (d) => Object.assign(visa(d), { endpoints: [] })],
  [
    'an unknown service binding',
    '/placements/visa/endpoints/0/service',
    (d) => Object.assign(visa(d), { endpoints: [{ service: 'CELL_NOWHERE' }] }),
  ],
  [
    'a bad duration',
    '/placements/visa/timeouts/headers',
    (d) => Object.assign(visa(d), { timeouts: { headers: 'soon' } }),
  ],
  [
    'a duration that is a number',
    '/placements/visa/timeouts/headers',
    (d) => Object.assign(visa(d), { timeouts: { headers: 10 } }),
  ],
  [
    'a share above one',
    '/placements/visa/circuitBreaker/jitter',
    (d) => Object.assign(visa(d), { circuitBreaker: { jitter: 1.5 } }),
  ],
  [
    'a limit that is not whole',
    '/placements/visa/concurrencyLimit',
    (d) => Object.assign(visa(d), { concurrencyLimit: 1.5 }),
  ],
  [
    'an unknown balance',
    '/placements/visa/balance',
    (d) => Object.assign(visa(d), { balance: 'random' }),
  ],
  [
    'a placement without fields',
    '/placements/visa/endpoints',
    (d) => Object.assign(d.placements, { visa: {} }),
  ],
  [
    'an unknown source of the routing key',
    '/routingKey/0/body',
    (d) => Object.assign(d, { routingKey: [{ body: 'key' }] }),
  ],
]

function changeValid(valid: Document): InvalidDocument[] {
  const changed = CHANGES.map(([what, pointers, change]) => {
    const document = Object.assign({}, structuredClone(valid))
    change(document)
    return { what, text: JSON.stringify(document), refusal: { status: 422, at: pointers } }
  })
  const types = ['[]', '"config"', '7', 'null'].map((text) => ({
    what: `the JSON ${text}`,
    text,
    refusal: { status: 422, at: '' },
  }))
  return [...changed, ...types]
}
