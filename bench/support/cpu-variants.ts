/** The Workers that the CPU benchmark compares, and the requests that it sends to them. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROUTER_ENTRY, type Variant } from './runtime.ts'

export const KEYS = 10_000
const PLACEMENTS = 4
/** Distinct requests of a window: enough that no string is the one of a moment ago. */
const REQUESTS = 256
/** All Workers run with the router's own switch, so that none pays for the platform alone. */
const FLAGS = ['enable_request_signal']
const ROUTES_FILE = 'routes.json'

export const printKey = (n: number): string => `tenant-${n.toString().padStart(5, '0')}`
const printPlacement = (i: number): string => `cell${i}`

/** Breakers, retries, failover and health checks are on. */
const ON = { healthCheck: {} }
const NO_BREAKER = { circuitBreaker: { consecutiveFailures: null, window: null } }
/** Never reached with 32 connections: the slots are counted, nothing is refused. */
const UNREACHED_LIMIT = { concurrencyLimit: 1_000 }

/** What the placements of each router say, beside their endpoint and fallback. */
export const ROUTERS: Readonly<Record<string, object>> = {
  router: ON,
  'router-no-breaker': { ...ON, ...NO_BREAKER },
  'router-no-checks': {},
  'router-no-retry': { ...ON, retry: { attempts: 0 }, fallback: [] },
  'router-limits': { ...ON, ...UNREACHED_LIMIT },
}

export function makeDocument(origin: string, placement: object): object {
  const cells = Array.from({ length: PLACEMENTS }, (_, i) => [
    printPlacement(i),
    { endpoints: [origin], fallback: i === 0 ? [] : [printPlacement(0)], ...placement },
  ])
  const table = Array.from({ length: KEYS }, (_, n) => [
    printKey(n),
    printPlacement(n % PLACEMENTS),
  ])
  return {
    schema: 1,
    routingTable: Object.fromEntries(table),
    defaultPlacement: printPlacement(0),
    placements: Object.fromEntries(cells),
  }
}

/** The same routes for the hand-written Worker, as the JSON of a binding. */
export function writeRoutes(directory: string, origin: string): void {
  const places = Array.from({ length: PLACEMENTS }, (_, index) => ({
    name: printPlacement(index),
    reason: 'dedicated',
    base: origin,
    index,
  }))
  const table = Array.from({ length: KEYS }, (_, n) => [printKey(n), n % PLACEMENTS])
  const routes = { table: Object.fromEntries(table), places, fallback: places[0], revision: 1 }
  writeFileSync(join(directory, ROUTES_FILE), JSON.stringify(routes))
}

const ALL = { HEADERS: true, TIMER: true, LOG: true, DECISION: true, BREAKER: true }
const NONE = { HEADERS: false, TIMER: false, LOG: false, DECISION: false, BREAKER: false }

function makeHand(name: string, features: typeof ALL): Variant {
  const define = Object.fromEntries(
    Object.entries(features).map(([feature, isOn]) => [feature, String(isOn)]),
  )
  const bindings = [`(name = "ROUTES", json = embed "${ROUTES_FILE}")`]
  return { name, entry: 'bench/workers/hand.ts', define, flags: FLAGS, bindings }
}

export function listVariants(origin: string, isQuick: boolean): Variant[] {
  const bindings = [`(name = "UPSTREAM", text = "${origin}")`]
  const router = { entry: ROUTER_ENTRY, flags: FLAGS, isRouter: true }
  const judged: Variant[] = [
    { name: 'bare', entry: 'bench/workers/bare.ts', flags: FLAGS, bindings },
    { name: 'bare-again', entry: 'bench/workers/bare.ts', flags: FLAGS, bindings },
    { name: 'hono', entry: 'bench/workers/hono.ts', flags: FLAGS, bindings },
    makeHand('hand', ALL),
    { ...router, name: 'router' },
  ]
  if (isQuick) return judged
  return [
    ...judged,
    ...Object.keys(ROUTERS)
      .filter((name) => name !== 'router')
      .map((name) => ({ ...router, name })),
    makeHand('hand-quiet', { ...ALL, TIMER: false, LOG: false }),
    makeHand('only-headers', { ...NONE, HEADERS: true }),
    makeHand('only-timer', { ...NONE, TIMER: true }),
    makeHand('only-log', { ...NONE, LOG: true }),
    makeHand('only-decision', { ...NONE, DECISION: true }),
    makeHand('only-breaker', { ...NONE, BREAKER: true }),
    makeHand('only-fetch', NONE),
  ]
}

/** A GET as a browser's script sends it to an API: 11 header fields, about 700 bytes. */
export function printRequest(key: string, path = '/v1/items/42?expand=owner'): string {
  return [
    `GET ${path} HTTP/1.1`,
    'Host: api.example.com',
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
    'Accept: application/json, text/plain, */*',
    'Accept-Language: en-GB,en;q=0.9',
    'Accept-Encoding: gzip, deflate, br',
    'Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U',
    'Cookie: session=8f14e45fceea167a5a36dedd4bea2543; theme=dark',
    'Origin: https://app.example.com',
    'Referer: https://app.example.com/items',
    `X-Routing-Key: ${key}`,
    'Connection: keep-alive',
    '',
    '',
  ].join('\r\n')
}

export const listRequests = (): string[] =>
  Array.from({ length: REQUESTS }, (_, n) =>
    printRequest(printKey((n * 37) % KEYS), `/v1/items/${n}?expand=owner`),
  )
