import { parseSettings, type Settings } from '../shared/settings.ts'

export type { Settings }

const read = new WeakMap<object, Settings>()

/** The settings of this deployment; what is wrong with them is said once per isolate. */
export function readSettings(env: Env): Settings {
  const known = read.get(env)
  if (known !== undefined) return known
  const { settings, warnings } = parseSettings(env)
  for (const warning of warnings) {
    // biome-ignore lint/suspicious/noConsole: tells the operator, there is nobody else to tell
    console.warn(JSON.stringify({ event: 'invalid_setting', warning }))
  }
  read.set(env, settings)
  return settings
}
