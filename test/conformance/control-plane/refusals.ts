import { expect, it } from 'vitest'
import { publish } from '../../support/api.ts'
import { type Bench, expectProblem } from '../../support/conformance.ts'
import { type Answer, send } from '../../support/http.ts'
import { type Document, printDocument, probeDuring, publishNew, readCurrent } from './ask.ts'
import { printInvalidDocuments } from './invalid-documents.ts'

interface Finding {
  readonly pointer: string
  readonly code: string
  readonly message: string
}

/** Documents that are refused, and what stays as it was. */
export function describeRefusals(bench: Bench): void {
  const placementOf = (document: Document, name: string): Record<string, unknown> =>
    document.placements[name] ?? {}
  const CASES: {
    id: string
    what: string
    change: (document: Document) => void
    pointer: string
    message: RegExp
  }[] = [
    {
      id: 'D64',
      what: 'no defaultPlacement',
      change: (document) => Reflect.deleteProperty(document, 'defaultPlacement'),
      pointer: '/defaultPlacement',
      message: /defaultPlacement|required|missing/i,
    },
    {
      id: 'D65',
      what: 'an unknown placement in the routing table',
      change: (document) => {
        document.routingTable['acme'] = 'nowhere'
      },
      pointer: '/routingTable/acme',
      message: /unknown placement/i,
    },
    ...['://invalid-url', 'ftp://x', 'foo'].map((url) => ({
      id: 'D66',
      what: `the endpoint ${url}`,
      change: (document: Document) => {
        placementOf(document, 'visa')['endpoints'] = [url]
      },
      pointer: '/placements/visa/endpoints/0',
      message: /invalid URL/i,
    })),
    {
      id: 'D67',
      what: 'an unknown fallback',
      change: (document) => {
        placementOf(document, 'visa')['fallback'] = ['nowhere']
      },
      pointer: '/placements/visa/fallback/0',
      message: /unknown placement/i,
    },
    {
      id: 'D67',
      what: 'a fallback to itself',
      change: (document) => {
        placementOf(document, 'visa')['fallback'] = ['visa']
      },
      pointer: '/placements/visa/fallback/0',
      message: /itself/i,
    },
    {
      id: 'D67',
      what: 'fallbacks in a circle',
      change: (document) => {
        placementOf(document, 'tier1')['fallback'] = ['tier2']
        placementOf(document, 'tier2')['fallback'] = ['tier1']
      },
      pointer: '/placements/tier2/fallback',
      message: /fallback cycle: tier1 → tier2 → tier1/,
    },
    {
      id: 'D68',
      what: 'the duration 10x in a circuit breaker',
      change: (document) => {
        placementOf(document, 'visa')['circuitBreaker'] = { openFor: '10x' }
      },
      pointer: '/placements/visa/circuitBreaker/openFor',
      message: /duration/i,
    },
    {
      id: 'D68',
      what: 'the duration 10x in a health check',
      change: (document) => {
        placementOf(document, 'visa')['healthCheck'] = { path: '/health', interval: '10x' }
      },
      pointer: '/placements/visa/healthCheck/interval',
      message: /duration/i,
    },
  ]

  it.each(CASES)('$id $what is refused by its pointer', async ({ change, pointer, message }) => {
    const before = await readCurrent(bench.target)
    const document = printDocument(bench, 'refused')
    change(document)
    const answer = await publish(bench.target, document)
    expectProblem(answer, { status: 422, code: 'invalid_config' })
    const found = errorsOf(answer).filter((error) => error.pointer === pointer)
    expect({ errors: errorsOf(answer), found }).toMatchObject({ found: [expect.anything()] })
    expect(`${pointer} ${found[0]?.message}`).toMatch(message)
    expect(await readCurrent(bench.target)).toEqual(before)
  })

  it('D63 D64 D68 a broken document of the baseline is refused in its own words', async () => {
    const before = await readCurrent(bench.target)
    const { document } = bench.fixture
    const { defaultPlacement: _, ...withoutDefault } = document
    const { visa } = document.placements
    const slow = { ...visa, circuit_breaker: { failure_threshold: 3, timeout: '10x' } }
    const broken = [
      { sent: { ...document, version: '' }, pointer: '/version' },
      { sent: withoutDefault, pointer: '/defaultPlacement' },
      {
        sent: { ...document, placements: { ...document.placements, visa: slow } },
        pointer: '/placements/visa/circuit_breaker/timeout',
      },
    ]
    for (const { sent, pointer } of broken) {
      const answer = await publish(bench.target, sent)
      expectProblem(answer, { status: 422, code: 'invalid_config', detail: pointer })
      expect(errorsOf(answer).map((error) => error.pointer)).toEqual([pointer])
    }
    expect(await readCurrent(bench.target)).toEqual(before)
    const routed = await send(bench.target, { path: '/still', key: 'visa' })
    expect(routed.headers['x-routed-to']).toBe('visa')
  })

  it('D69 what is not JSON is refused with line and column, and the next valid document applies', async () => {
    const before = await readCurrent(bench.target)
    const answer = await publish(bench.target, '{\n  "schema": 1,\n  "label": oops\n}')
    expectProblem(answer, { status: 400, code: 'invalid_json' })
    expect(answer.json()).toMatchObject({ line: 3, column: 12 })
    expect(await readCurrent(bench.target)).toEqual(before)
    const next = await publishNew(bench.target, printDocument(bench, `after ${before.revision}`))
    expect(next.revision).toBe(before.revision + 1)
  })

  it('D70 all errors of a document come back at once, each with its pointer', async () => {
    const document = printDocument(bench, 'four errors')
    document.routingTable['acme'] = 'nowhere'
    document.defaultPlacement = 'missing'
    placementOf(document, 'visa')['endpoints'] = ['ftp://x']
    placementOf(document, 'tier1')['fallbak'] = ['tier3']
    const errors = errorsOf(await publish(bench.target, document))
    expect(errors.map(({ pointer }) => pointer).sort()).toEqual([
      '/defaultPlacement',
      '/placements/tier1/fallbak',
      '/placements/visa/endpoints/0',
      '/routingTable/acme',
    ])
    for (const { code, message } of errors) expect([code, message]).not.toContain('')
    const unknown = errors.find(({ pointer }) => pointer.endsWith('fallbak'))
    expect(unknown?.message).toContain('did you mean "fallback"?')
  })

  it('C05 thirty and more invalid documents each get a 4xx that points, and change nothing', async () => {
    const before = await readCurrent(bench.target)
    const wrong: unknown[] = []
    const answers = await probeDuring(
      { perSecond: 25 },
      () => send(bench.target, { path: '/probe', key: 'visa' }),
      async () => {
        for (const invalid of printInvalidDocuments(printDocument(bench, 'invalid'))) {
          const answer = await publish(bench.target, invalid.text)
          const seen = describeRefusal(answer)
          if (JSON.stringify(seen) !== JSON.stringify(invalid.refusal))
            wrong.push({ what: invalid.what, seen, expected: invalid.refusal, text: answer.text })
        }
      },
    )
    expect(wrong).toEqual([])
    expect(await readCurrent(bench.target)).toEqual(before)
    for (const { status, headers } of answers)
      expect([status, headers['x-routed-to'], headers['x-config-revision']]).toEqual([
        200,
        'visa',
        String(before.revision),
      ])
    expect(answers.length).toBeGreaterThan(0)
  })
}

const errorsOf = (answer: Answer): Finding[] => (answer.json()['errors'] ?? []) as Finding[]

/** Status and the place that the refusal names. */
function describeRefusal(answer: Answer): { status: number; at: unknown } {
  const { line, column, errors } = answer.json()
  if (answer.status === 400) return { status: 400, at: [line, column] }
  const pointers = ((errors ?? []) as Finding[]).map(({ pointer }) => pointer)
  return { status: answer.status, at: pointers.join(' ') }
}
