/**
 * `npm run bootstrap -- --url https://router.example.com`: exports the configuration that a router
 * serves now into workers/bootstrap.bin, compiled as revision 0. The next deploy bundles it, and an
 * isolate that finds neither coordinator nor replica starts from it. The admin (or read) token is
 * taken from the environment: CELLWAY_TOKEN.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { compileBootstrap } from './demo.ts'
import { ask, isSendableToken, ROOT, runCommand, UsageError } from './local.ts'

const USAGE = 'Usage: CELLWAY_TOKEN=… npm run bootstrap -- --url https://router.example.com'

function readUrl(): URL {
  const { values } = parseArgs({ options: { url: { type: 'string' } } })
  const url = values.url === undefined ? null : URL.parse(values.url)
  if (url === null || !/^https?:$/.test(url.protocol)) throw new UsageError(USAGE)
  return url
}

await runCommand(async () => {
  const url = readUrl()
  const token = process.env['CELLWAY_TOKEN'] ?? ''
  if (!isSendableToken(token))
    throw new UsageError(`CELLWAY_TOKEN is missing or no token.\n${USAGE}`)
  const response = await ask(new URL('/admin/config', url), {
    headers: { authorization: `Bearer ${token}` },
  })
  const text = await response.text()
  if (response.status !== 200)
    throw new UsageError(`${url.origin} answered ${response.status}: ${text}`)
  const bytes = compileBootstrap(text)
  writeFileSync(join(ROOT, 'workers/bootstrap.bin'), bytes)
  const revision = response.headers.get('x-config-revision')
  console.log(
    `Wrote ${bytes.byteLength} bytes to workers/bootstrap.bin (from revision ${revision}). The next deploy bundles them.`,
  )
}, USAGE)
