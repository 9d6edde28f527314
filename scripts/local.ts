import { copyFileSync, existsSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseEnv } from 'node:util'

/** What `npm start` and `npm run serve` share: paths, ports, variables, and how they fail. */

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
export const CELLS = ['tier1', 'tier2', 'tier3', 'visa'] as const
/** The token of .dev.vars.example: fit for this machine only. */
export const EXAMPLE_TOKEN = 'local-development-token'

/** Something the person at the terminal can put right: printed without a stack. */
export class UsageError extends Error {}

/**
 * Runs a command's main function. What a person can put right becomes one line and exit code 1: a
 * UsageError, a flag that does not exist, and what the operating system refused (a file that is a
 * directory, a disk that is full).
 */
export async function runCommand(main: () => Promise<void>, usage = ''): Promise<void> {
  try {
    await main()
  } catch (error) {
    const line = describeFailure(error, usage)
    if (line === undefined) throw error
    console.error(line)
    process.exitCode = 1
  }
}

function describeFailure(error: unknown, usage: string): string | undefined {
  if (!(error instanceof Error)) return undefined
  const isRefusedBySystem = 'syscall' in error
  if (error instanceof UsageError || isRefusedBySystem) return error.message
  const isWrongFlag = 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')
  return isWrongFlag ? `${error.message}\n${usage}` : undefined
}

/**
 * The answer, or a UsageError within half a minute. The reason is told by its code alone: the
 * message about a header that cannot be sent would quote it, token and all.
 */
export async function ask(url: URL, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...init, signal: AbortSignal.timeout(30_000) })
  } catch (error) {
    const { name, cause } = error instanceof Error ? error : new Error()
    const code = cause instanceof Error && 'code' in cause ? cause.code : name
    throw new UsageError(`${url.origin} did not answer (${code}).`)
  }
}

/** What the header `Authorization` can carry after "Bearer ". */
export const isSendableToken = (token: string): boolean => /^[!-~]+$/.test(token)

export function readPort(text: string): number {
  const port = Number(text)
  if (/^\d+$/.test(text) && port >= 1 && port <= 65_535) return port
  throw new UsageError(`--port must be a number from 1 to 65535, and is "${text}"`)
}

/** Fails with what to type instead when something listens on the port already. */
export async function assertPortIsFree(port: number, host: string, command: string): Promise<void> {
  const failure = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    const probe = createServer()
    probe.once('error', resolve)
    probe.listen(port, host, () => probe.close(() => resolve(undefined)))
  })
  if (failure === undefined) return
  if (failure.code === 'EADDRINUSE')
    throw new UsageError(
      `Port ${port} on ${host} is taken by another process. Choose another one: ${command} -- --port ${port + 1}`,
    )
  throw new UsageError(`Cannot listen on ${host}:${port}: ${failure.message}`)
}

export async function findFreePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port was assigned')
  return address.port
}

/** The variables of a file in dotenv form; `.dev.vars`, made from its example, when none is named. */
export function readVariables(file?: string): Record<string, string> {
  const path = file ?? join(ROOT, '.dev.vars')
  if (file === undefined && !existsSync(path)) {
    copyFileSync(join(ROOT, '.dev.vars.example'), path)
    console.log('Created .dev.vars from .dev.vars.example (the development admin token is in it).')
  }
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== false)
    throw new UsageError(`--vars: there is no file ${path}`)
  const parsed = parseEnv(readFileSync(path, 'utf8'))
  return Object.fromEntries(
    Object.entries(parsed).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}

/** Waits until the router answers /health; false when the deadline passes or `hasEnded` says so. */
export async function waitUntilHealthy(
  origin: string,
  deadlineMs: number,
  hasEnded: () => boolean,
): Promise<boolean> {
  const end = Date.now() + deadlineMs
  while (Date.now() < end && !hasEnded()) {
    const response = await fetch(`${origin}/health`, { signal: AbortSignal.timeout(2_000) }).catch(
      () => undefined,
    )
    await response?.body?.cancel()
    if (response?.status === 200) return true
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return false
}
