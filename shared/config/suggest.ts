/** Names longer than this are not compared: the cost grows with the square. */
const MAX_LENGTH = 40

/** ` (did you mean "fallback"?)`, or '' when no candidate is close. */
export function suggest(name: string, candidates: Iterable<string>): string {
  const wanted = simplify(name)
  if (wanted.length > MAX_LENGTH) return ''
  let best = ''
  let bestDistance = Math.floor(wanted.length / 3) + 1
  for (const candidate of candidates) {
    const other = simplify(candidate)
    if (Math.abs(other.length - wanted.length) >= bestDistance) continue
    const distance = countEdits(wanted, other)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best === '' ? '' : ` (did you mean ${JSON.stringify(best)}?)`
}

/** Spelling only: `circuit_breaker` and `circuitBreaker` are equal. */
function simplify(name: string): string {
  return name.toLowerCase().replaceAll(/[-_ ]/g, '')
}

/** Edits, with a swap of neighbours as one: optimal string alignment (Damerau 1964). */
function countEdits(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      row[j] = Math.min(
        at(last, j) + 1,
        at(row, j - 1) + 1,
        at(last, j - 1) + change,
        isSwap ? at(beforeLast, j - 2) + 1 : Number.POSITIVE_INFINITY,
      )
    }
    beforeLast = last
    last = row
  }
  return at(last, b.length)
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY
}
