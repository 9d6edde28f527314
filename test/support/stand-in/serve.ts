/** `npm run serve` with the stand-in coordinator in another service of the same runtime. */
import { spawn } from 'node:child_process'
import { parseArgs } from 'node:util'
import { publishDemoOnce } from '../../../scripts/demo.ts'
import { readVariables, runCommand, UsageError, waitUntilHealthy } from '../../../scripts/local.ts'
import { preparePlainWorkerd } from '../plain-workerd.ts'

await runCommand(async () => {
  const text = { type: 'string', default: '' } as const
  const { values } = parseArgs({ options: { port: text, data: text, vars: text } })
  const { file, args, vars } = await preparePlainWorkerd({
    port: Number(values.port),
    directory: values.data,
    vars: readVariables(values.vars),
    coordinator: 'test/support/stand-in/worker.ts',
  })
  const runtime = spawn(file, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...vars },
  })
  const stop = () => runtime.kill('SIGTERM')
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  runtime.on('exit', (code) => process.exit(code ?? 0))
  const origin = `http://127.0.0.1:${values.port}`
  if (!(await waitUntilHealthy(origin, 30_000, () => runtime.exitCode !== null)))
    throw new UsageError('The router did not answer /health within 30 s.')
  const revision = await publishDemoOnce(origin, vars['ADMIN_TOKEN'] ?? '')
  console.log(`Cellway is ready on ${origin}, with a stand-in coordinator, revision ${revision}.`)
})
