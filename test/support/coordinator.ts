import { env } from 'cloudflare:workers'
import { vi } from 'vitest'
import type { Problem } from '../../shared/problem/problem.ts'
import type { Result } from '../../shared/result.ts'
import {
  COORDINATOR_NAME,
  type CoordinatorApi,
  type PublishReceipt,
  type PublishRequest,
} from '../../shared/rpc/coordinator.ts'

/** The coordinator of the test, by a fresh stub at each call. */
export const coordinator = () => env.CONFIG.getByName(COORDINATOR_NAME)

/** The same as its callers see it. */
export const api = (): CoordinatorApi => coordinator()

export async function publish(
  text: string,
  changes: Partial<PublishRequest> = {},
): Promise<Result<PublishReceipt, Problem>> {
  return await api().publish({ text, author: 'admin', dryRun: false, ...changes })
}

export async function mustPublish(
  text: string,
  changes?: Partial<PublishRequest>,
): Promise<PublishReceipt['body']> {
  return must(await publish(text, changes)).body
}

export function must<T>(result: Result<T, unknown>): T {
  if (!result.ok) throw new Error(`refused: ${JSON.stringify(result.error)}`)
  return result.value
}

export function mustRefuse(result: Result<unknown, Problem>): Problem {
  if (result.ok) throw new Error(`accepted: ${JSON.stringify(result.value)}`)
  return result.error
}

/** Asks until the answer is there; fails loudly after the deadline. */
export async function poll<T>(
  ask: () => Promise<T | undefined | false>,
  deadlineMs = 15_000,
): Promise<T> {
  const until = Date.now() + deadlineMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    if (Date.now() > until) throw new Error(`not so within ${deadlineMs} ms`)
    await scheduler.wait(25)
  }
}

/** Keeps the log lines of the product off the output, and hands them out. */
export function captureLog(): Record<string, unknown>[] {
  const events: Record<string, unknown>[] = []
  const note = (line: unknown): void => {
    events.push(JSON.parse(String(line)))
  }
  vi.spyOn(console, 'log').mockImplementation(note)
  vi.spyOn(console, 'error').mockImplementation(note)
  return events
}
