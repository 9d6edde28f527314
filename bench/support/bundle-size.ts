/** The bytes of the router's bundle, as wrangler would upload it and as the local builds make it. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { bundle } from '../../scripts/build.ts'
import { ROOT } from '../../scripts/local.ts'

export interface BundleSize {
  readonly name: string
  readonly bytes: number
  readonly gzipBytes: number
}

interface Metafile {
  readonly outputs: Record<string, { readonly inputs: Record<string, { bytesInOutput: number }> }>
}

function measure(name: string, files: readonly string[]): BundleSize {
  const whole = Buffer.concat(files.map((file) => readFileSync(file)))
  return { name, bytes: whole.length, gzipBytes: gzipSync(whole, { level: 9 }).length }
}

/** `wrangler deploy --dry-run --minify`: the script and its modules, and what they are made of. */
export function measureWrangler(directory: string): {
  size: BundleSize
  shares: Map<string, number>
} {
  const out = join(directory, 'wrangler')
  const wrangler = join(ROOT, 'node_modules/wrangler/bin/wrangler.js')
  const args = ['deploy', '--dry-run', '--minify', '--metafile', '--outdir', out]
  const env = {
    ...process.env,
    WRANGLER_SEND_METRICS: 'false',
    CLOUDFLARE_CF_FETCH_ENABLED: 'false',
  }
  execFileSync(process.execPath, [wrangler, ...args], {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const files = readdirSync(out).filter(
    (file) => file !== 'README.md' && file !== 'bundle-meta.json' && !file.endsWith('.map'),
  )
  const meta = JSON.parse(readFileSync(join(out, 'bundle-meta.json'), 'utf8')) as Metafile
  return {
    size: measure(
      'wrangler deploy --minify',
      files.map((file) => join(out, file)),
    ),
    shares: attribute(meta),
  }
}

/** The bundle of one entry point, made as for plain workerd. */
export async function measureBuild(
  name: string,
  entry: string,
  directory: string,
): Promise<BundleSize> {
  const file = join(directory, 'build.js')
  await bundle(entry, file)
  return measure(name, [file])
}

/** Bytes in the output per package or per folder of ours, largest first. */
function attribute(meta: Metafile): Map<string, number> {
  const shares = new Map<string, number>()
  for (const { inputs } of Object.values(meta.outputs)) {
    for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
      const group = nameGroup(path)
      shares.set(group, (shares.get(group) ?? 0) + bytesInOutput)
    }
  }
  return new Map([...shares].sort(([, a], [, b]) => b - a))
}

function nameGroup(path: string): string {
  const dependency = /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(path)?.[1]
  if (dependency !== undefined) return dependency
  const own = /^(?:\.\.\/)*((?:workers|shared|durable-objects)(?:\/[a-z-]+(?=\/))?)/.exec(path)?.[1]
  return own ?? path
}
