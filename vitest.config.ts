import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { buildSync } from 'esbuild'
import { defineConfig } from 'vitest/config'

const cell = buildSync({
  entryPoints: ['workers/cell/index.ts'],
  bundle: true,
  format: 'esm',
  write: false,
  external: ['cloudflare:*', 'node:*'],
  conditions: ['workerd', 'worker'],
}).outputFiles[0]?.text

if (cell === undefined) throw new Error('the demo cell did not build')

/** A demo cell as an auxiliary Worker: those take plain JavaScript only. */
const auxiliaryCell = (name: string) => ({
  name: `cellway-cell-${name}`,
  modules: [{ type: 'ESModule' as const, path: 'index.js', contents: cell }],
  compatibilityDate: '2026-10-20',
  bindings: { CELL_NAME: name },
})

const workerd = cloudflareTest({
  wrangler: { configPath: './wrangler.jsonc' },
  miniflare: {
    workers: ['tier1', 'tier2', 'tier3', 'visa'].map(auxiliaryCell),
    bindings: {
      ENVIRONMENT: 'local',
      ADMIN_TOKEN: 'a-token-for-tests-of-32-characters',
      ADMIN_READ_TOKEN: 'a-read-token-for-tests-32-characters',
      ALLOW_PRIVATE_ENDPOINTS: 'true',
    },
    // The guard against the network: whatever a test forgot to fake ends here.
    outboundService: () => new Response('no network in tests', { status: 599 }) as never,
  },
})

export default defineConfig({
  test: {
    silent: 'passed-only', // the router logs a line per request
    coverage: {
      provider: 'v8',
      include: ['shared/**/*.ts'],
      reporter: ['text-summary', 'json-summary', 'text'],
      thresholds: { branches: 95 },
    },
    projects: [
      {
        test: {
          name: 'core',
          include: [
            'test/shared/**/*.test.ts',
            'test/simulation/**/*.test.ts',
            'test/*.test.ts',
            'test/scripts/**/*.test.ts',
          ],
          environment: 'node',
        },
      },
      {
        plugins: [workerd],
        test: {
          name: 'workerd',
          include: ['test/durable-objects/**/*.test.ts', 'test/workers/**/*.test.ts'],
        },
      },
      {
        test: {
          name: 'conformance',
          include: ['test/conformance/**/*.test.ts'],
          environment: 'node',
          testTimeout: 30_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
