import { type Answer, type Call, send } from '../support/http.ts'
import type { Attempt, Book, HistoryRow, Outcome } from './book.ts'
import type { Router } from './router.ts'

/** The clients that are at work while the router is killed. */

const PUBLISHERS = 8
/** These write over what they have read (If-Match), the others over whatever is there. */
const CAREFUL_PUBLISHERS = 2
const READERS = 4
const TIERS = ['tier1', 'tier2', 'tier3', 'visa'] as const

export interface Life {
  readonly router: Router
  readonly book: Book
  readonly number: number
  readonly random: () => number
  isOver: boolean
}

/** Runs until the life is over; every client then sees its connection end. */
export async function runClients(life: Life): Promise<void> {
  const publishers = Array.from({ length: PUBLISHERS }, (_, i) => runPublisher(life, i))
  const readers = Array.from({ length: READERS }, (_, i) =>
    i % 2 === 0 ? readDocuments(life, `admin ${i}`) : readRoutes(life, `route ${i}`),
  )
  await Promise.all([...publishers, ...readers])
}

export function callAdmin(router: Router, call: Call): Promise<Answer> {
  const headers = { Authorization: `Bearer ${router.token}`, ...call.headers }
  return send(router, { ...call, headers })
}

export const sendAttempt = (router: Router, attempt: Attempt): Promise<Answer> =>
  callAdmin(router, {
    method: 'POST',
    path: '/admin/config',
    body: attempt.text,
    headers: {
      'Idempotency-Key': attempt.label,
      ...(attempt.over && { 'If-Match': attempt.over.etag }),
    },
  })

async function runPublisher(life: Life, publisher: number): Promise<void> {
  const isCareful = publisher < CAREFUL_PUBLISHERS
  for (let count = 0; !life.isOver; count++) {
    const over = isCareful ? await readCurrent(life.router) : undefined
    const attempt = draft(life, `life-${life.number}/publisher-${publisher}/${count}`, over)
    life.book.attempts.set(attempt.label, attempt)
    attempt.outcome = await settle(sendAttempt(life.router, attempt))
    if (attempt.outcome.kind === 'unknown') await pause(5)
  }
}

function draft(life: Life, label: string, over: Attempt['over']): Attempt {
  const probe = TIERS[Math.floor(life.random() * TIERS.length)] ?? 'tier1'
  const placement = (name: string) => ({ endpoints: [{ service: `CELL_${name.toUpperCase()}` }] })
  const document = {
    schema: 1,
    label,
    routingTable: { probe, [label]: probe },
    defaultPlacement: 'tier3',
    placements: Object.fromEntries(TIERS.map((name) => [name, placement(name)])),
  }
  const text = JSON.stringify(document)
  const attempt = { label, text, probe, startedAt: performance.now(), outcome: UNKNOWN }
  return over ? { ...attempt, over } : attempt
}

const UNKNOWN: Outcome = { kind: 'unknown' }

export async function settle(sent: Promise<Answer>): Promise<Outcome> {
  const answer = await sent.catch(() => undefined)
  if (answer === undefined) return UNKNOWN
  if (answer.status !== 201 && answer.status !== 200)
    return { kind: 'refused', status: answer.status }
  const receipt = JSON.parse(answer.text) as HistoryRow & { etag: string }
  return { kind: 'acked', at: performance.now(), receipt }
}

async function readCurrent(router: Router): Promise<Attempt['over']> {
  const answer = await callAdmin(router, { path: '/admin/config' }).catch(() => undefined)
  const etag = answer?.headers.etag
  if (answer?.status !== 200 || etag === undefined) return undefined
  return { revision: readRevisionOf(etag), etag }
}

export const readRevisionOf = (etag: string): number => Number(/^"(\d+)-/.exec(etag)?.[1])

async function readDocuments(life: Life, reader: string): Promise<void> {
  while (!life.isOver) {
    const startedAt = performance.now()
    const answer = await callAdmin(life.router, { path: '/admin/config' }).catch(() => undefined)
    if (answer === undefined) await pause(5)
    else if (answer.status !== 404) recordDocument(life, reader, startedAt, answer)
  }
}

function recordDocument(life: Life, reader: string, startedAt: number, answer: Answer): void {
  const { book, number } = life
  if (answer.status !== 200) {
    report(life, `GET /admin/config was answered ${answer.status}: ${answer.text}`)
    return
  }
  const seen = answer.headers.etag ?? ''
  const revision = readRevisionOf(seen)
  const times = { startedAt, endedAt: performance.now() }
  const { text } = answer
  book.reads.push({ reader, kind: 'admin', life: number, ...times, revision, seen, text })
}

async function readRoutes(life: Life, reader: string): Promise<void> {
  while (!life.isOver) {
    const startedAt = performance.now()
    const answer = await send(life.router, { path: '/crash', key: 'probe' }).catch(() => undefined)
    if (answer === undefined) await pause(5)
    else recordRoute(life, reader, startedAt, answer)
  }
}

function recordRoute(life: Life, reader: string, startedAt: number, answer: Answer): void {
  const { book, number } = life
  if (answer.status !== 200) {
    report(life, `a routed request was answered ${answer.status}: ${answer.text}`)
    return
  }
  const seen = String(answer.headers['x-routed-to'])
  const revision = Number(answer.headers['x-config-revision'])
  const times = { startedAt, endedAt: performance.now() }
  book.reads.push({ reader, kind: 'route', life: number, ...times, revision, seen })
}

function report(life: Life, detail: string): void {
  life.book.findings.push({ kind: 'failed', life: life.number, detail: detail.slice(0, 300) })
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
