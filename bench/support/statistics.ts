/** The value below which the share `q` of the values lies, by linear interpolation. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (sorted.length - 1) * q
  const low = sorted[Math.floor(at)] ?? Number.NaN
  const high = sorted[Math.ceil(at)] ?? Number.NaN
  return low + (high - low) * (at - Math.floor(at))
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)

export interface Comparison {
  /** Median of the ratios of each round, and their quartiles. */
  readonly median: number
  readonly low: number
  readonly high: number
  /** Ratio of minima: other work can only add CPU time, so minima come nearer to the true cost. */
  readonly minima: number
}

/** Two variants, one value per round each, in the order of the rounds. */
export function compare(values: readonly number[], base: readonly number[]): Comparison {
  const ratios = values.map((value, round) => value / (base[round] ?? Number.NaN))
  return {
    median: median(ratios),
    low: quantile(ratios, 0.25),
    high: quantile(ratios, 0.75),
    minima: Math.min(...values) / Math.min(...base),
  }
}

const LARGEST_NOISE = 0.05
const LARGEST_SPREAD = 0.15

/** Whether a comparison can be judged at all: the A/A control is even, and both estimates agree. */
export function findDoubt(comparison: Comparison, control: Comparison): string | undefined {
  if (Math.abs(control.median - 1) > LARGEST_NOISE)
    return `the A/A control is ${control.median.toFixed(3)}, not within 0.95–1.05`
  if (Math.abs(comparison.median / comparison.minima - 1) > LARGEST_SPREAD)
    return `the median (${comparison.median.toFixed(3)}) and the ratio of minima (${comparison.minima.toFixed(3)}) differ by more than 15 %`
  return undefined
}

export function judge(comparison: Comparison, control: Comparison, limit: number): string {
  const doubt = findDoubt(comparison, control)
  if (doubt !== undefined) return `inconclusive: ${doubt}`
  return comparison.median <= limit && comparison.minima <= limit ? 'met' : 'missed'
}
