import { simulateBalancing } from '../../test/simulation/balancing.ts'
import { printTable } from './section.ts'

const MODES = ['round-robin', 'weighted', 'least-requests'] as const

export function measureBalancing(durationMs: number): string {
  const rows = [1, 20].flatMap((isolates) =>
    MODES.map((balance) => {
      const { p50, p99, shareToSlow } = simulateBalancing({
        seed: 1,
        balance,
        isolates,
        durationMs,
      })
      const share = `${(100 * shareToSlow).toFixed(2)} %`
      return [balance, String(isolates), p50.toFixed(1), p99.toFixed(0), share]
    }),
  )
  const head = ['balance', 'isolates', 'p50, ms', 'p99, ms', 'share of the slow one']
  return printTable(head, rows)
}
