import { createRequire } from 'node:module'
import { UsageError } from './local.ts'

/**
 * The path of the runtime itself. The npm command `workerd` is a Node wrapper around it: a signal
 * ends the wrapper and leaves the runtime behind with its port.
 */
export function findWorkerd(): string {
  const path: unknown = createRequire(import.meta.url)('workerd').default
  if (typeof path === 'string') return path
  throw new UsageError('workerd has no binary for this platform.')
}

/** `embed` takes a path that begins with a slash from the import path, so this has to be the root. */
export const printServeArguments = (config: string): string[] => [
  'serve',
  '--import-path=/',
  config,
]
