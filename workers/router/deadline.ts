/** The work took longer than it may. */
export class DeadlineError extends Error {
  constructor(deadlineMs: number) {
    super(`no answer within ${deadlineMs} ms`)
  }
}

/** The work goes on after its deadline, unobserved: `discard` gets what comes of it then. */
export async function withDeadline<T>(
  work: Promise<T>,
  deadlineMs: number,
  discard: (late: T) => void = () => {},
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  let isLate = false
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      isLate = true
      reject(new DeadlineError(deadlineMs))
    }, deadlineMs)
  })
  work.then(
    (value) => {
      if (isLate) discard(value)
    },
    () => {},
  )
  try {
    return await Promise.race([work, deadline])
  } finally {
    clearTimeout(timer)
  }
}

/** True as soon as one of them is; false when all are false, or when the time is up. */
export async function anyTrue(
  works: readonly Promise<boolean>[],
  deadlineMs?: number,
): Promise<boolean> {
  const hits = works.map(async (work) => {
    if (!(await work)) throw new Error('a miss')
    return true
  })
  const hit = Promise.any(hits)
  try {
    return await (deadlineMs === undefined ? hit : withDeadline(hit, deadlineMs))
  } catch {
    return false
  }
}

/** Settles with the work or when the time is up, whichever is first, and never rejects. */
export async function settleWithin(work: Promise<unknown>, deadlineMs: number): Promise<void> {
  await withDeadline(work, Math.max(0, deadlineMs)).catch(() => {})
}
