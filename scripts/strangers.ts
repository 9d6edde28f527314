import { EXAMPLE_TOKEN, UsageError } from './local.ts'

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost'])
const SHORTEST_TOKEN = 32

/** `host` without brackets. */
export const isLoopback = (host: string): boolean => LOOPBACK.has(host)

/** Off loopback, strangers can reach it: nothing that is only fit for this machine may be in force. */
export function assertFitForStrangers(
  vars: Readonly<Record<string, string>>,
  hasOwnVars: boolean,
): void {
  const reason = findUnfit(vars, hasOwnVars)
  if (reason !== undefined) throw new UsageError(`On a non-loopback --host ${reason}.`)
}

function findUnfit(
  vars: Readonly<Record<string, string>>,
  hasOwnVars: boolean,
): string | undefined {
  const { ADMIN_TOKEN = '', ADMIN_READ_TOKEN = '' } = vars
  if (ADMIN_TOKEN === EXAMPLE_TOKEN)
    return 'the example ADMIN_TOKEN is refused: set your own with --vars'
  if (ADMIN_TOKEN.length < SHORTEST_TOKEN)
    return `ADMIN_TOKEN must have at least ${SHORTEST_TOKEN} characters`
  if (ADMIN_READ_TOKEN !== '' && ADMIN_READ_TOKEN.length < SHORTEST_TOKEN)
    return `ADMIN_READ_TOKEN must have at least ${SHORTEST_TOKEN} characters`
  if (vars['ENVIRONMENT']?.trim() === 'local')
    return 'ENVIRONMENT=local is refused: it opens /debug/config to everybody'
  if (vars['ALLOW_PRIVATE_ENDPOINTS']?.trim() === 'true' && !hasOwnVars)
    return 'ALLOW_PRIVATE_ENDPOINTS=true is refused unless a file named by --vars says so'
  return undefined
}
