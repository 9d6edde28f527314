import type { Config, PlacementConfig } from '../../shared/config/config.ts'

/** A total placement; a test names only what it is about. */
export function aPlacement(changes: Partial<PlacementConfig> = {}): PlacementConfig {
  return {
    kind: 'dedicated',
    endpoints: [{ kind: 'url', base: 'https://cell.example', weight: 1 }],
    fallback: [],
    whenOpen: 'reject',
    balance: 'round-robin',
    circuitBreaker: {
      consecutiveFailures: 5,
      openForMs: 30_000,
      openForMaxMs: 300_000,
      jitter: 0.5,
      window: { durationMs: 20_000, minimumRequests: 20, failureRate: 0.5 },
      halfOpen: { probes: 5, maxFailures: 1, concurrent: 3 },
      recoveryMs: 30_000,
    },
    healthCheck: null,
    concurrencyLimit: null,
    maxRequestBodyBytes: null,
    timeouts: { headersMs: 10_000, idleMs: null, totalMs: null },
    retry: { attempts: 2, methods: ['GET', 'HEAD', 'OPTIONS'], maxBufferedBodyBytes: 65_536 },
    ...changes,
  }
}

/** The demo: three tiers and a dedicated cell. */
export function aConfig(
  changes: Partial<Omit<Config, 'routingTable' | 'placements'>> & {
    readonly routingTable?: Iterable<readonly [string, string]>
    readonly placements?: Readonly<Record<string, PlacementConfig>>
  } = {},
): Config {
  const { routingTable, placements, ...settings } = changes
  return {
    label: '',
    routingKey: [{ kind: 'header', name: 'x-routing-key' }],
    defaultPlacement: 'tier3',
    escapedSlashes: 'keep',
    trustForwarded: true,
    ...settings,
    routingTable: new Map(
      routingTable ?? [
        ['acme', 'tier1'],
        ['globex', 'tier2'],
        ['initech', 'tier3'],
        ['visa', 'visa'],
      ],
    ),
    placements: new Map(
      Object.entries(
        placements ?? {
          tier1: aPlacement({ kind: 'tier', fallback: ['tier3'] }),
          tier2: aPlacement({ kind: 'tier', fallback: ['tier3'] }),
          tier3: aPlacement({ kind: 'tier' }),
          visa: aPlacement(),
        },
      ),
    ),
  }
}
