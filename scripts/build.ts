import { join } from 'node:path'
import { build } from 'esbuild'
import { compileDemo } from './demo.ts'
import { ROOT } from './local.ts'

/** The bootstrap of a local build, as the value of the LOCAL_BOOTSTRAP constant of the bundle. */
export const localBootstrap = (): string =>
  JSON.stringify(Buffer.from(compileDemo()).toString('base64'))

/** Bundles one entry point as wrangler would, for plain workerd. */
export async function bundle(
  entry: string,
  outfile: string,
  define: Record<string, string> = {},
): Promise<void> {
  await build({
    entryPoints: [join(ROOT, entry)],
    outfile,
    bundle: true,
    minify: true,
    sourcemap: false,
    format: 'esm',
    target: 'es2024',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*', 'node:*'],
    loader: { '.bin': 'binary' },
    define,
    logLevel: 'error',
  })
}
