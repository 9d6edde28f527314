import { readFileSync } from 'node:fs'

/** The acceptance vectors of test/golden: their format is in the file's own header. */
export interface Vector {
  readonly id: string
  readonly group: string
  readonly title: string
  readonly cfg: VectorConfig
  readonly steps: readonly Step[]
}

export type VectorConfig = Readonly<Record<string, number | boolean>>

export interface Step {
  readonly t: number
  readonly op: string
  readonly expect?: Readonly<Record<string, unknown>>
  readonly [name: string]: unknown
}

/** Does one step and tells everything that can be observed afterwards. */
export type Subject = (step: Step) => Record<string, unknown>

interface VectorFile {
  readonly baseCfg: VectorConfig
  readonly isolateBaseCfg: VectorConfig
  readonly vectors: readonly Vector[]
}

const FILE = `${import.meta.dirname}/../../golden/breaker-vectors.json`
const ISOLATE_GROUPS = ['I', 'K']

/** Each with its whole configuration. */
export function readVectors(): { machine: Vector[]; isolate: Vector[] } {
  const text = readFileSync(FILE, 'utf8')
  const { baseCfg, isolateBaseCfg, vectors } = JSON.parse(text) as VectorFile
  const isOfIsolate = ({ group }: Vector) => ISOLATE_GROUPS.includes(group)
  const complete = (base: VectorConfig) => (one: Vector) => ({
    ...one,
    cfg: { ...base, ...one.cfg },
  })
  return {
    machine: vectors.filter((one) => !isOfIsolate(one)).map(complete(baseCfg)),
    isolate: vectors.filter(isOfIsolate).map(complete(isolateBaseCfg)),
  }
}
