const UNIT_NS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
}

/**
 * Reads a duration as Go's time.ParseDuration does ("1m30s", "1.5h", "500us"), without a sign, in
 * milliseconds rounded up. null: it is not one.
 */
export function parseGoDuration(text: string): number | null {
  if (text === '0') return 0
  if (!/^(?:(?:\d+\.?\d*|\.\d+)(?:[nuµμm]?s|m|h))+$/.test(text)) return null
  let totalNs = 0
  for (const [, amount, unit = ''] of text.matchAll(/([\d.]+)(\D+)/g)) {
    totalNs += Number(amount) * (UNIT_NS[unit] ?? 0)
  }
  const ms = Math.ceil(Math.round(totalNs) / 1e6)
  return Number.isSafeInteger(ms) ? ms : null
}
