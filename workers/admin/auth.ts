import type { Problem } from '../../shared/problem/problem.ts'
import { fail, type Result, succeed } from '../../shared/result.ts'
import { readSettings } from '../settings.ts'
import type { AdminWiring } from './call.ts'
import type { LoginFailures } from './login-failures.ts'

/** What a caller may do: `read` is GET and HEAD only. */
export type Access = 'read' | 'write'

/** The secrets, either of which a deployment may lack. */
interface Secrets {
  readonly ADMIN_TOKEN?: string
  readonly ADMIN_READ_TOKEN?: string
}

const SHORTEST_TOKEN = 32
const SHORTEST_LOCAL_TOKEN = 16

/** RFC 6750 section 2.1, exactly one token: two Authorization lines arrive joined by a comma. */
const BEARER = /^bearer ([!-~]+)$/i

/**
 * Lets a caller in or says why not. Fails closed: without a token that is long enough nobody gets
 * in. What a wrong token gets never depends on how wrong it is, and a right one always passes: behind
 * a reverse proxy strangers and operators have the same address.
 */
export async function authorize(
  request: Request,
  env: Env,
  needed: Access,
  failures: LoginFailures,
  wiring: Pick<AdminWiring, 'clientAddress'>,
): Promise<Result<Access, Problem>> {
  const tokens = readTokens(env)
  if (tokens.write === undefined) return fail(DISABLED)
  const access = await readAccess(request, tokens)
  if (access === undefined) {
    if (!request.headers.has('authorization')) return fail({ code: 'unauthorized' })
    const retryAfterSeconds = failures.note(wiring.clientAddress(request, env), Date.now())
    return fail(
      retryAfterSeconds > 0
        ? { code: 'too_many_failures', retryAfterSeconds }
        : { code: 'unauthorized' },
    )
  }
  if (needed === 'write' && access === 'read')
    return fail({ code: 'forbidden', detail: 'The read token cannot change anything' })
  return succeed(access)
}

/**
 * Whether the request carries one of this deployment's own tokens, which no cell may ever see:
 * anywhere in the header, also where the admin API itself would refuse its form.
 */
export async function isAdminCredential(request: Request, env: Env): Promise<boolean> {
  const tokens = readTokens(env)
  const words = request.headers.get('authorization')?.split(/[\s,]+/, MOST_WORDS) ?? []
  const found = await Promise.all(words.map((word) => matchToken(word, tokens)))
  return found.some((access) => access !== undefined)
}

const MOST_WORDS = 20

const DISABLED: Problem = {
  code: 'admin_disabled',
  detail: `Set the secret ADMIN_TOKEN, of at least ${SHORTEST_TOKEN} characters`,
}

interface Tokens {
  readonly write: string | undefined
  readonly read: string | undefined
}

function readTokens(env: Env): Tokens {
  const secrets: Secrets = env
  const shortest = readSettings(env).isLocal ? SHORTEST_LOCAL_TOKEN : SHORTEST_TOKEN
  const accept = (token: unknown): string | undefined =>
    typeof token === 'string' && token.length >= shortest ? token : undefined
  return { write: accept(secrets.ADMIN_TOKEN), read: accept(secrets.ADMIN_READ_TOKEN) }
}

async function readAccess(request: Request, tokens: Tokens): Promise<Access | undefined> {
  const token = BEARER.exec(request.headers.get('authorization')?.trim() ?? '')?.[1]
  return token === undefined ? undefined : matchToken(token, tokens)
}

/** Both tokens are always compared, and digests instead of tokens: time tells nothing. */
async function matchToken(token: string, tokens: Tokens): Promise<Access | undefined> {
  if (token === '') return undefined
  const given = await digest(token)
  const isWrite = crypto.subtle.timingSafeEqual(given, await digest(tokens.write ?? ''))
  const isRead = crypto.subtle.timingSafeEqual(given, await digest(tokens.read ?? ''))
  if (isWrite) return 'write'
  return isRead ? 'read' : undefined
}

const digest = (text: string): Promise<ArrayBuffer> =>
  crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
