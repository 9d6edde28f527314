/**
 * Runs before `npm start`, `npm test` and the other commands, on whatever Node there is (20 or newer):
 * installs the locked dependencies when they are missing or not the locked ones, and says so.
 * Node built-ins only, because nothing is installed yet. Works offline once installed.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const NEEDED = [22, 18]

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8')).packages
  } catch {
    return undefined
  }
}

/** Why the installed tree is not the locked one, or undefined when it is. */
function findDifference() {
  const locked = readPackages('package-lock.json')
  if (locked === undefined) throw new Error('package-lock.json is missing or not JSON')
  const installed = readPackages('node_modules/.package-lock.json')
  if (installed === undefined) return 'nothing is installed yet'
  for (const [path, entry] of Object.entries(locked)) {
    if (path === '') continue
    const version = installed[path]?.version
    if (version === undefined && (entry.optional || entry.peer)) continue
    if (version !== entry.version) return `${path} is ${version ?? 'missing'}, not ${entry.version}`
  }
  return undefined
}

const isNewEnough = (version) => {
  const [major, minor] = version.replace(/^v/, '').split('.').map(Number)
  return major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1])
}

function install(reason) {
  console.log(`Installing the locked dependencies with npm ci (${reason}). About half a minute …`)
  const started = Date.now()
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const { status, error } = spawnSync('npm', args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (error || status !== 0) {
    console.error(
      `npm ci failed${error ? `: ${error.message}` : ` with exit code ${status}`}. ` +
        'It needs the npm registry once; after that everything here works offline.',
    )
    process.exit(1)
  }
  console.log(`Installed in ${((Date.now() - started) / 1000).toFixed(0)} s.`)
}

const difference = findDifference()
if (difference !== undefined) install(difference)

// npm puts node_modules/.bin first, so a Node that was installed as a package is the one that runs.
const hasOwnNode = existsSync(join(root, 'node_modules/.bin/node'))
if (!hasOwnNode && !isNewEnough(process.version)) {
  console.error(
    `Node ${NEEDED.join('.')} or newer is needed on ${process.platform}-${process.arch}, and this is ${process.version}. ` +
      'On Linux (x64, arm64) a newer one is installed with the dependencies; here please install one: https://nodejs.org',
  )
  process.exit(1)
}
