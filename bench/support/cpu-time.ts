import { readdirSync, readFileSync } from 'node:fs'

/**
 * CPU time of all threads of a process so far, in nanoseconds: field 1 of
 * /proc/PID/task/TID/schedstat (/proc/PID/stat only counts in ticks of 10 ms).
 */
export function readCpuNs(pid: number): number {
  let total = 0
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    try {
      total += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ')[0])
    } catch {
      // The thread ended between the two reads.
    }
  }
  return total
}

/** Resident memory in bytes: now and its high-water mark since `resetPeak`. */
export function readMemory(pid: number): { resident: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  const read = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN) * 1024
  return { resident: read('VmRSS'), peak: read('VmHWM') }
}
