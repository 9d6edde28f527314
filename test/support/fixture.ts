import { type Origin, startOrigin } from './origin.ts'

/** The baseline's M4 document and the four cells that it names. */

export const CELL_NAMES = ['tier1', 'tier2', 'tier3', 'visa'] as const
export type CellName = (typeof CELL_NAMES)[number]

export interface BaselinePlacement {
  url: string
  fallback?: string
  health_check?: { path: string; interval: string; timeout: string }
  circuit_breaker?: { failure_threshold: number; timeout: string }
  concurrency_limit?: number
  max_request_body_bytes?: number
}

export interface BaselineDocument {
  version: string
  routingTable: Record<string, string>
  placements: Record<string, BaselinePlacement>
  defaultPlacement: string
}

export interface Fixture {
  readonly cells: Readonly<Record<CellName, Origin>>
  readonly document: BaselineDocument
  /** Requests that any cell has seen, health checks not counted. */
  countRequests(): number
  close(): Promise<void>
}

export async function startFixture(): Promise<Fixture> {
  const [tier1, tier2, tier3, visa] = await Promise.all([
    startOrigin('tier1'),
    startOrigin('tier2'),
    startOrigin('tier3'),
    startOrigin('visa'),
  ])
  const cells = { tier1, tier2, tier3, visa }
  const all = Object.values(cells)
  return {
    cells,
    document: printBaselineDocument((name) => cells[name].url),
    countRequests: () =>
      all.flatMap((cell) => cell.requests).filter((received) => received.url !== '/health').length,
    close: async () => {
      await Promise.all(all.map((cell) => cell.close()))
    },
  }
}

/** A new object at each call: a test may change its own. */
export function printBaselineDocument(
  printUrl: (name: CellName) => string,
  version = '1.0.0',
): BaselineDocument {
  const tier = (name: CellName): BaselinePlacement => ({
    url: printUrl(name),
    fallback: 'tier3',
    health_check: { path: '/health', interval: '10s', timeout: '2s' },
    circuit_breaker: { failure_threshold: 5, timeout: '30s' },
    concurrency_limit: 100,
    max_request_body_bytes: 10_485_760,
  })
  return {
    version,
    routingTable: { acme: 'tier1', globex: 'tier2', initech: 'tier3', visa: 'visa' },
    placements: {
      tier1: tier('tier1'),
      tier2: tier('tier2'),
      tier3: {
        url: printUrl('tier3'),
        health_check: { path: '/health', interval: '10s', timeout: '2s' },
        circuit_breaker: { failure_threshold: 5, timeout: '30s' },
        concurrency_limit: 200,
      },
      visa: {
        url: printUrl('visa'),
        fallback: 'tier3',
        health_check: { path: '/health', interval: '5s', timeout: '1s' },
        circuit_breaker: { failure_threshold: 3, timeout: '60s' },
        concurrency_limit: 50,
        max_request_body_bytes: 5_242_880,
      },
    },
    defaultPlacement: 'tier3',
  }
}
