import { log } from '../log.ts'
import { finishTask, listDue, markTask, postponeTask, readEarliestDue, type Task } from './tasks.ts'

/** Does a task's work once; answers when it is due again (epoch ms), or undefined: done. */
export type RunTask = (now: number) => Promise<number | undefined> | number | undefined

const GAP_MS = 1_000
const FIRST_RETRY_MS = 1_000
const LONGEST_RETRY_MS = 60_000

/**
 * Many tasks behind the one alarm of an object. A task stays in storage until it has succeeded, so
 * that it survives evictions and deploys; alarms come at least once, so tasks must be idempotent.
 * A task runs at most once a second; a failed one waits 1 s, 2 s, 4 s, … up to a minute.
 */
export class AlarmQueue {
  readonly #storage: DurableObjectStorage
  readonly #tasks: Readonly<Record<string, RunTask>>
  readonly #ranAt = new Map<string, number>()
  #armedFor: number | undefined

  constructor(storage: DurableObjectStorage, tasks: Readonly<Record<string, RunTask>>) {
    this.#storage = storage
    this.#tasks = tasks
  }

  /** Call `arm` in the same turn: the task and its alarm then become durable together. */
  mark(name: string, due: number): void {
    const earliest = (this.#ranAt.get(name) ?? 0) + GAP_MS
    markTask(this.#storage.sql, name, Math.max(due, earliest))
  }

  arm(): void {
    const due = readEarliestDue(this.#storage.sql)
    if (due === undefined || due === this.#armedFor) return
    this.#armedFor = due
    // Not awaited: the output gate holds every answer until it is durable.
    void this.#storage.setAlarm(due)
  }

  /** For the object's `alarm()`. Never throws: the platform gives up after a few failures. */
  async run(): Promise<void> {
    try {
      for (const task of listDue(this.#storage.sql, Date.now())) await this.#attempt(task)
      this.#armedFor = undefined
      this.arm()
    } catch (error) {
      log('alarm_failed', { reason: String(error) })
      this.#armedFor = undefined
      void this.#storage.setAlarm(Date.now() + LONGEST_RETRY_MS)
    }
  }

  async #attempt(task: Task): Promise<void> {
    const { name, failures } = task
    const { sql } = this.#storage
    try {
      const due = await this.#tasks[name]?.(Date.now())
      if (due === undefined) finishTask(sql, task, Date.now() + GAP_MS)
      else postponeTask(sql, name, due, 0)
      if (failures > 0) log('task_recovered', { task: name, failures })
    } catch (error) {
      const waitMs = Math.min(FIRST_RETRY_MS * 2 ** failures, LONGEST_RETRY_MS)
      postponeTask(sql, name, Date.now() + waitMs, failures + 1)
      if (failures === 0) log('task_failed', { task: name, reason: String(error) })
    }
    this.#ranAt.set(name, Date.now())
  }
}
