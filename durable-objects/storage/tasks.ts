/** The persisted queue behind the object's single alarm: one row per task. */

export interface Task {
  readonly name: string
  /** Attempts that failed since the last one that succeeded. */
  readonly failures: number
  /** How often the task was asked for: it is done when nobody asked again meanwhile. */
  readonly marks: number
}

type TaskRow = { name: string; failures: number; marks: number }

/** Asks for a task at `due` (epoch ms); one that waits already keeps its time, so that new work never cuts a back-off. */
export function markTask(sql: SqlStorage, name: string, due: number): void {
  sql.exec(
    'INSERT INTO tasks VALUES (?, ?, 0, 1) ON CONFLICT (name) DO UPDATE SET marks = marks + 1',
    name,
    due,
  )
}

export const listDue = (sql: SqlStorage, now: number): readonly Task[] =>
  sql
    .exec<TaskRow>('SELECT name, failures, marks FROM tasks WHERE due <= ? ORDER BY due, name', now)
    .toArray()

export const readEarliestDue = (sql: SqlStorage): number | undefined =>
  sql.exec<{ due: number | null }>('SELECT min(due) AS due FROM tasks').one().due ?? undefined

/** It was tried, and did not succeed so far. */
export const isFailing = (sql: SqlStorage, name: string): boolean =>
  sql.exec('SELECT 1 FROM tasks WHERE name = ? AND failures > 0', name).toArray().length > 0

/** Removes the task, or postpones it to `due` when it was asked for again since it was read. */
export function finishTask(sql: SqlStorage, task: Task, due: number): void {
  sql.exec('DELETE FROM tasks WHERE name = ? AND marks = ?', task.name, task.marks)
  postponeTask(sql, task.name, due, 0)
}

export function postponeTask(sql: SqlStorage, name: string, due: number, failures: number): void {
  sql.exec('UPDATE tasks SET due = ?, failures = ? WHERE name = ?', due, failures, name)
}
