import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { findFreePort, ROOT } from '../../scripts/local.ts'
import { pollUntil, send } from '../support/http.ts'

/** A pipe holds 64 KiB: some hundred lines. */
const REQUESTS = 1_500

const scratch = mkdtempSync(join(tmpdir(), 'cellway-log-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

describe('npm run serve, whose log nobody reads', () => {
  it('F30 serves on, and tells the reader that comes back how many lines it has lost', async () => {
    const port = await findFreePort()
    const vars = join(scratch, 'vars')
    writeFileSync(vars, `ENVIRONMENT=local\nADMIN_TOKEN=${'x'.repeat(32)}\n`, { mode: 0o600 })
    const args = ['scripts/serve.ts', '--port', String(port), '--data', scratch, '--vars', vars]
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] })
    child.stderr.resume()
    const seen = new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk: Buffer) => {
        if (!chunk.toString().includes('Cellway is ready')) return
        child.stdout.pause()
        resolve()
      })
    })
    await seen
    const key = 'k'.repeat(250)
    const path = `/${'p'.repeat(2_000)}`
    for (let sent = 0; sent < REQUESTS; sent += 50) {
      const answers = await Promise.all(
        Array.from({ length: 50 }, () => send({ port }, { path, key })),
      )
      for (const { status } of answers) expect(status).toBe(200)
    }
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    child.stdout.resume()
    await pollUntil(
      async () => {
        await send({ port }, { path: '/x', key })
        return /"event":"log_lines_dropped","count":[1-9]/.test(output)
      },
      (isTold) => isTold,
    )
    const ended = new Promise((resolve) => child.on('exit', resolve))
    child.kill('SIGTERM')
    await ended
  })
})
