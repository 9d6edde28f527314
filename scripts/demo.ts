import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ANY_BINDING } from '../durable-objects/bindings.ts'
import { compileSnapshot } from '../shared/config/compile.ts'
import { readDocument } from '../shared/config/read-document.ts'
import { ask, EXAMPLE_TOKEN, isSendableToken, ROOT, UsageError } from './local.ts'

const DEMO = join(ROOT, 'examples/demo.json')

/** The demo configuration compiled as revision 0: the bootstrap of local builds. */
export const compileDemo = (): Uint8Array => compileBootstrap(readFileSync(DEMO, 'utf8'))

/**
 * A published document compiled as revision 0. It was checked when it was published, against
 * bindings that this machine cannot see, so the bindings that it names are taken as given.
 */
export function compileBootstrap(text: string): Uint8Array {
  const read = readDocument(text, { allowPrivateEndpoints: true, ...ANY_BINDING })
  if (!read.ok) throw new UsageError(`The document is not valid: ${JSON.stringify(read.error)}`)
  const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest()
  const stamp = { revision: 0, publishedAt: '1970-01-01T00:00:00.000Z' }
  const compiled = compileSnapshot(read.value.config, stamp, sha256)
  if (!compiled.ok) throw new UsageError('The compiled snapshot is too large')
  return compiled.value
}

/**
 * Publishes the demo as revision 1, unless something was ever published. Gives the revision served;
 * undefined: the admin API is closed here, by the choice of whoever set the variables.
 */
export async function publishDemoOnce(origin: string, token: string): Promise<string | undefined> {
  if (!isSendableToken(token)) return undefined
  const url = new URL('/admin/config', origin)
  const authorization = `Bearer ${token}`
  const current = await ask(url, { headers: { authorization } })
  const text = await current.text()
  if (current.status === 200) return current.headers.get('x-config-revision') ?? '?'
  // With ADMIN_HOSTS this address serves tenants only, and the request lacks a tenant's key.
  if (/"code":"(?:admin_disabled|missing_routing_key)"/.test(text)) return undefined
  if (!text.includes('"code":"nothing_published"'))
    throw new UsageError(`The admin API answered ${current.status}: ${text}`)
  const published = await ask(url, {
    method: 'POST',
    headers: { authorization, 'idempotency-key': 'demo', 'x-author': 'npm start' },
    body: readFileSync(DEMO, 'utf8'),
  })
  if (published.status !== 201)
    throw new UsageError(`Publishing the demo failed: ${await published.text()}`)
  return '1'
}

/** Publishes the demo where that is possible, and says what to do next. */
export async function showFirstSteps(origin: string, token: string): Promise<void> {
  const revision = await publishDemoOnce(origin, token)
  if (revision !== undefined)
    return printFirstSteps(origin, token === EXAMPLE_TOKEN ? token : '$ADMIN_TOKEN', revision)
  console.log(`
Cellway is ready on ${origin}. The demo was not published, because the admin API does
not answer there: it needs ADMIN_TOKEN (32 visible ASCII characters, locally 16), and where
ADMIN_HOSTS is set it answers on those hosts only. Ctrl-C stops it.
`)
}

function printFirstSteps(origin: string, token: string, revision: string): void {
  console.log(`
Cellway is ready on ${origin}, serving revision ${revision}. Try, in another terminal:

  curl -i -H 'X-Routing-Key: visa' ${origin}/hello
  curl -i -H 'X-Routing-Key: acme' ${origin}/hello
  curl -s ${origin}/debug/config

  # why does a request go where it goes?
  curl -s -H "Authorization: Bearer ${token}" '${origin}/admin/explain?key=visa'

  # break the cell visa for 20 seconds, and watch tier3 take its place
  curl -s -X PUT -H 'X-Routing-Key: visa' '${origin}/mode?status=500&seconds=20'
  while sleep 1; do curl -si -H 'X-Routing-Key: visa' ${origin}/hello |
    grep -E '^(HTTP|x-(routed|failover|circuit))'; done

  # publish a change: visa moves to tier1
  sed 's/"visa": "visa"/"visa": "tier1"/' examples/demo.json |
    curl -s -H "Authorization: Bearer ${token}" --data-binary @- ${origin}/admin/config

Ctrl-C stops it.
`)
}
