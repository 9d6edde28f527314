import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { compileBootstrap, publishDemoOnce } from '../../scripts/demo.ts'
import { findFreePort, ROOT, UsageError } from '../../scripts/local.ts'

/** The commands as a person starts them, given what they cannot work with. */

const scratch = mkdtempSync(join(tmpdir(), 'cellway-scripts-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const LONG = 'a-token-of-more-than-32-characters-for-tests'

function writeVars(vars: Readonly<Record<string, string>>): string {
  const file = join(mkdtempSync(join(scratch, 'vars-')), 'vars')
  writeFileSync(
    file,
    Object.entries(vars)
      .map(([name, value]) => `${name}="${value}"\n`)
      .join(''),
  )
  return file
}

interface Ending {
  readonly code: number | null
  readonly errors: string
}

function run(
  script: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ending> {
  const child = spawn(process.execPath, [join(ROOT, 'scripts', script), ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: 20_000,
  })
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString()
  })
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, errors })))
}

describe('a command that cannot work with what it was given', () => {
  const fit = { ADMIN_TOKEN: LONG }
  const off = (vars: Readonly<Record<string, string>>) => [
    ...['--host', '0.0.0.0', '--data', 'package.json', '--vars', writeVars(vars)],
  ]

  it.each([
    ['serve.ts', () => ['--data', 'package.json', '--vars', writeVars(fit)], 'ENOTDIR'],
    ['serve.ts', () => ['--vars', scratch], '--vars: there is no file'],
    ['serve.ts', () => ['--nothing'], 'Usage: npm run serve'],
    ['serve.ts', () => off({}), 'ADMIN_TOKEN must have at least 32'],
    ['serve.ts', () => off({ ...fit, ENVIRONMENT: 'local' }), 'ENVIRONMENT=local is refused'],
    ['serve.ts', () => off({ ...fit, ADMIN_READ_TOKEN: 'short' }), 'ADMIN_READ_TOKEN must have'],
    ['serve.ts', () => off(fit), 'ENOTDIR'],
    ['start.ts', () => ['--nothing'], 'Usage: npm start'],
    ['bootstrap.ts', () => ['--nothing'], 'Usage: CELLWAY_TOKEN='],
  ])('%s says it in a line or two and ends with 1 (%#)', async (script, args, message) => {
    const port = script === 'bootstrap.ts' ? [] : ['--port', String(await findFreePort())]
    const { code, errors } = await run(script, [...args(), ...port])
    expect(code).toBe(1)
    expect(errors).toContain(message)
    expect(errors.trim().split('\n').length).toBeLessThan(3)
  })

  it('never prints a token that cannot be sent', async () => {
    const env = { CELLWAY_TOKEN: 'my\tsecret' }
    const { code, errors } = await run('bootstrap.ts', ['--url', 'http://127.0.0.1:9'], env)
    expect(code).toBe(1)
    expect(errors).toContain('CELLWAY_TOKEN')
    expect(errors).not.toContain('secret')
  })
})

describe('a start that fails', () => {
  it('leaves no runtime behind', { timeout: 30_000 }, async () => {
    const port = await findFreePort()
    const directory = join(scratch, 'broken')
    // A directory where the coordinator's database should be: /health answers, a publish does not.
    mkdirSync(
      join(
        directory,
        'objects/cellway-config/c8ce06c09ee6e2e1c818783897a99e06ef341f35b2505317366236a33ec1f00b.sqlite',
      ),
      { recursive: true },
    )
    const vars = ['--vars', writeVars({ ADMIN_TOKEN: LONG })]
    const ending = await run('serve.ts', ['--port', String(port), '--data', directory, ...vars])
    expect(ending.code).toBe(1)
    expect(ending.errors).toContain('The admin API answered 503')
    expect(await isListening(port)).toBe(false)
  })
})

const isListening = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true))
    socket.on('error', () => resolve(false)).on('connect', () => socket.destroy())
  })

describe('publishing the demo', () => {
  let server: Server | undefined
  afterEach(() => server?.close())

  async function answerWith(status: number, body: unknown): Promise<string> {
    const port = await findFreePort()
    server = createServer((_, response) => response.writeHead(status).end(JSON.stringify(body)))
    await new Promise<void>((resolve) => server?.listen(port, '127.0.0.1', resolve))
    return `http://127.0.0.1:${port}`
  }

  it.each([
    [400, 'missing_routing_key'],
    [503, 'admin_disabled'],
  ])('is left out where the admin API is closed: %i %s', async (status, code) => {
    expect(await publishDemoOnce(await answerWith(status, { code }), LONG)).toBeUndefined()
  })

  it('is left out without a token that can be sent', async () => {
    for (const token of ['', 'a b', 'ä'.repeat(32)])
      expect(await publishDemoOnce('http://127.0.0.1:9', token)).toBeUndefined()
  })

  it('fails in one line where nobody answers, or not as a router does', async () => {
    const nobody = `http://127.0.0.1:${await findFreePort()}`
    await expect(publishDemoOnce(nobody, LONG)).rejects.toThrow(UsageError)
    const other = await answerWith(500, { code: 'internal_error' })
    await expect(publishDemoOnce(other, LONG)).rejects.toThrow(UsageError)
  })
})

describe('a bootstrap', () => {
  it('takes every binding that the document names as given, however it is written', () => {
    const cell = '{"serv\\u0069ce":"CELL_ELSEWHERE"}'
    const text = `{"schema":1,"routingTable":{},"defaultPlacement":"a","placements":{"a":{"endpoints":[${cell}]}}}`
    expect(compileBootstrap(text).byteLength).toBeGreaterThan(0)
  })
})
