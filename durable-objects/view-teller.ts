import { type BreakerView, isTransient } from '../shared/breaker/view.ts'
import { wasSetBack } from '../shared/clock.ts'
import { COORDINATOR_NAME } from '../shared/rpc/coordinator.ts'
import { log } from './log.ts'

/**
 * Tells the coordinator the newest view of a breaker, which hands it to all isolates with their
 * refresh: at once, at most once a second, and again until it was heard. What lives by being
 * repeated is told again every minute.
 */
export class ViewTeller {
  readonly #env: Pick<Env, 'CONFIG'>
  readonly #storage: DurableObjectStorage
  #told: Told | undefined
  #nextAt = 0
  #failures = 0
  #isTelling = false

  constructor(env: Pick<Env, 'CONFIG'>, storage: DurableObjectStorage) {
    this.#env = env
    this.#storage = storage
    this.#told = storage.kv.get<Told>(KEY)
  }

  /** When to call `tell`, in ms since the epoch; null: everything is told. */
  readDueAt(view: BreakerView, now: number): number | null {
    const { epoch, version } = view
    // What no isolate can have another idea of.
    if (version === 1) return null
    const told = this.#told
    // Further ahead is nothing, unless the clock was set back.
    const nextAt = this.#nextAt > now + 2 * LONGEST_WAIT_MS ? now : this.#nextAt
    if (told?.epoch !== epoch || told.version !== version) return nextAt
    const repeatAt = wasSetBack(told.at, now) ? now : told.at + REPEAT_MS
    return isTransient(view) ? Math.max(nextAt, repeatAt) : null
  }

  /** Never rejects. undefined: it is telling another view, after which `readDueAt` is to be asked. */
  tell(placement: string, view: BreakerView): Promise<void> | undefined {
    if (this.#isTelling) return
    this.#isTelling = true
    return this.#tell(placement, view)
  }

  async #tell(placement: string, view: BreakerView): Promise<void> {
    const now = Date.now()
    // Not before this one is settled, unless an eviction cuts it short.
    this.#nextAt = now + ANSWER_DEADLINE_MS + GAP_MS
    try {
      const coordinator = this.#env.CONFIG.getByName(COORDINATOR_NAME)
      const isHeard = await withDeadline(coordinator.noteView(placement, view))
      if (!isHeard) throw new Error('the coordinator does not know of the placement yet')
      this.#told = { epoch: view.epoch, version: view.version, at: now }
      this.#storage.kv.put(KEY, this.#told)
      if (this.#failures > 0) log('view_told', { placement, failures: this.#failures })
      this.#failures = 0
      this.#nextAt = now + GAP_MS
    } catch (error) {
      if (this.#failures === 0) log('view_not_told', { placement, reason: String(error) })
      this.#failures++
      this.#nextAt = now + Math.min(LONGEST_WAIT_MS, GAP_MS * 2 ** this.#failures)
    } finally {
      this.#isTelling = false
    }
  }
}

interface Told {
  readonly epoch: number
  readonly version: number
  readonly at: number
}

const KEY = 'told'
const GAP_MS = 1_000
const REPEAT_MS = 60_000
const LONGEST_WAIT_MS = 60_000
const ANSWER_DEADLINE_MS = 5_000

async function withDeadline<T>(work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer')), ANSWER_DEADLINE_MS)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
