import { expect } from 'vitest'
import { callAdmin, getConfig, type Published, publish } from '../../support/api.ts'
import type { Bench } from '../../support/conformance.ts'
import { type Answer, pollUntil, send } from '../../support/http.ts'
import type { Target } from '../../support/targets.ts'

/** What the control-plane cases share: a document of schema 1, and short questions. */

export interface Document {
  schema: number
  label: string
  routingTable: Record<string, string>
  defaultPlacement: string
  placements: Record<string, Record<string, unknown> & { endpoints: unknown[] }>
}

/** Schema 1, the content of fixture F, to be changed at will. */
export function printDocument({ fixture }: Pick<Bench, 'fixture'>, label = 'valid'): Document {
  const { tier1, tier2, tier3, visa } = fixture.cells
  const tier = (url: string) => ({ kind: 'tier', endpoints: [url] })
  return {
    schema: 1,
    label,
    routingTable: { acme: 'tier1', globex: 'tier2', initech: 'tier3', visa: 'visa' },
    defaultPlacement: 'tier3',
    placements: {
      tier1: tier(tier1.url),
      tier2: tier(tier2.url),
      tier3: tier(tier3.url),
      visa: { kind: 'dedicated', endpoints: [visa.url] },
    },
  }
}

export interface Current {
  readonly revision: number
  readonly etag: string
  readonly text: string
}

export async function readCurrent(target: Target): Promise<Current> {
  const answer = await getConfig(target)
  expect(answer.status).toBe(200)
  const etag = answer.headers.etag ?? ''
  return { revision: Number(answer.headers['x-config-revision']), etag, text: answer.text }
}

/** Publishes what must be accepted as a new revision. */
export async function publishNew(
  target: Target,
  document: unknown,
  headers: Record<string, string> = {},
): Promise<Published> {
  const answer = await publish(target, document, { headers })
  expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 201 })
  return JSON.parse(answer.text) as Published
}

/** Which cell a key reaches, waiting until it is that one. */
export const waitForCell = (target: Target, key: string, cell: string): Promise<Answer> =>
  pollUntil(
    () => send(target, { path: '/where', key }),
    (answer) => answer.status === 200 && answer.headers['x-routed-to'] === cell,
  )

export interface HistoryRow {
  readonly revision: number
  readonly label: string
  readonly author: string
  readonly publishedAt: string
  readonly checksum: string
  readonly parent: number | null
  readonly restoredFrom: number | null
}

/** All pages, newest first. */
export async function readHistory(target: Target, limit = 100): Promise<HistoryRow[]> {
  const rows: HistoryRow[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const from: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const path = `/admin/config/revisions?limit=${limit}${from}`
    const answer = await callAdmin(target, { path })
    expect(answer.status).toBe(200)
    const page = JSON.parse(answer.text) as { revisions: HistoryRow[]; next: string | null }
    expect(page.revisions.length).toBeLessThanOrEqual(limit)
    rows.push(...page.revisions)
    cursor = page.next
  }
  return rows
}

export interface ProbeRate {
  readonly perSecond: number
  /** The rate falls below what was asked for rather than exceed this. 1: strictly in turn. */
  readonly inFlight?: number
}

/** Asks at that rate until the work is done. All answers, in the order of the questions. */
export async function probeDuring<T>(
  { perSecond, inFlight = 24 }: ProbeRate,
  ask: () => Promise<T>,
  work: () => Promise<unknown>,
): Promise<T[]> {
  const asked: Promise<T>[] = []
  const started = performance.now()
  let waiting = 0
  let skipped = 0
  const askOnce = async () => {
    waiting++
    try {
      return await ask()
    } finally {
      waiting--
    }
  }
  const timer = setInterval(() => {
    const due = ((performance.now() - started) * perSecond) / 1_000 - skipped
    while (asked.length < due && waiting < inFlight) {
      const answer = askOnce()
      answer.catch(() => undefined) // Awaited below; until then it is not unhandled.
      asked.push(answer)
    }
    skipped += Math.max(0, Math.floor(due) - asked.length)
  }, 5)
  try {
    await work()
  } finally {
    clearInterval(timer)
  }
  return await Promise.all(asked)
}

export const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms))
