import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** The processes of one process group: only ever of a group that a test made itself. */

export interface Member {
  readonly pid: number
  readonly name: string
  /** Resident memory now, in bytes. */
  readonly residentBytes: number
}

const PAGE_BYTES = 4096

/** Living members; zombies are not counted. Empty where there is no /proc. */
export function listGroup(group: number): Member[] {
  if (!existsSync('/proc/self/stat')) return []
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => readMember(Number(entry), group))
}

function readMember(pid: number, group: number): Member[] {
  let line: string
  try {
    line = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return [] // It ended between the listing and the read.
  }
  const name = line.slice(line.indexOf('(') + 1, line.lastIndexOf(')'))
  // proc_pid_stat(5): state is field 3, pgrp 5, rss 24.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ')
  if (Number(fields[2]) !== group || fields[0] === 'Z' || fields[0] === 'X') return []
  return [{ pid, name, residentBytes: Number(fields[21]) * PAGE_BYTES }]
}

/** False when the group has nobody left. */
export function signalGroup(group: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-group, signal)
    return true
  } catch {
    return false
  }
}

/** True when the group is empty within the deadline. */
export async function waitUntilGroupEnds(group: number, deadlineMs: number): Promise<boolean> {
  const end = Date.now() + deadlineMs
  while (isGroupAlive(group)) {
    if (Date.now() > end) return false
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  return true
}

function isGroupAlive(group: number): boolean {
  if (existsSync('/proc/self/stat')) return listGroup(group).length > 0
  try {
    process.kill(-group, 0)
    return true
  } catch {
    return false
  }
}
