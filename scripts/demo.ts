import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { compileSnapshot } from '../shared/config/compile.ts'
import { readDocument } from '../shared/config/read-document.ts'
import { ROOT, UsageError } from './local.ts'

const DEMO = join(ROOT, 'examples/demo.json')

/** The demo configuration compiled as revision 0: the bootstrap of local builds. */
export const compileDemo = (): Uint8Array => compileBootstrap(readFileSync(DEMO, 'utf8'))

/**
 * A published document compiled as revision 0. It was checked when it was published, against
 * bindings that this machine cannot see, so the bindings that it names are taken as given.
 */
export function compileBootstrap(text: string): Uint8Array {
  const named = [...text.matchAll(/"(?:service|dispatch)"\s*:\s*"([^"]+)"/g)].map(
    (match) => match[1] ?? '',
  )
  const read = readDocument(text, {
    allowPrivateEndpoints: true,
    services: new Set(named),
    dispatchNamespaces: new Set(named),
  })
  if (!read.ok) throw new UsageError(`The document is not valid: ${JSON.stringify(read.error)}`)
  const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest()
  const stamp = { revision: 0, publishedAt: '1970-01-01T00:00:00.000Z' }
  const compiled = compileSnapshot(read.value.config, stamp, sha256)
  if (!compiled.ok) throw new UsageError('The compiled snapshot is too large')
  return compiled.value
}

/** Publishes the demo as revision 1, unless something was ever published. Gives the revision served. */
export async function publishDemoOnce(origin: string, token: string): Promise<string> {
  const authorization = `Bearer ${token}`
  const current = await fetch(`${origin}/admin/config`, { headers: { authorization } })
  await current.body?.cancel()
  if (current.status === 200) return current.headers.get('x-config-revision') ?? '?'
  if (current.status !== 404)
    throw new UsageError(`The admin API answered ${current.status}: is ADMIN_TOKEN set?`)
  const published = await fetch(`${origin}/admin/config`, {
    method: 'POST',
    headers: { authorization, 'idempotency-key': 'demo', 'x-author': 'npm start' },
    body: readFileSync(DEMO, 'utf8'),
  })
  if (published.status !== 201)
    throw new UsageError(`Publishing the demo failed: ${await published.text()}`)
  return '1'
}

export function printFirstSteps(origin: string, token: string, revision: string): void {
  console.log(`
Cellway is ready on ${origin}, serving revision ${revision}. Try, in another terminal:

  curl -i -H 'X-Routing-Key: visa' ${origin}/hello
  curl -i -H 'X-Routing-Key: acme' ${origin}/hello
  curl -s ${origin}/debug/config

  # why does a request go where it goes?
  curl -s -H 'Authorization: Bearer ${token}' '${origin}/admin/explain?key=visa'

  # publish a change: visa moves to tier1
  sed 's/"visa": "visa"/"visa": "tier1"/' examples/demo.json |
    curl -s -H 'Authorization: Bearer ${token}' --data-binary @- ${origin}/admin/config

Ctrl-C stops it.
`)
}
