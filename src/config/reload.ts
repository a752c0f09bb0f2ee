/** Merges a configuration that was read again into the one that a service runs with. */
import { CONFIG_KEYS, type ConfigKey } from './keys.ts'
import type { Config } from './schema.ts'

export interface ConfigChange {
  /** Keys whose new values apply now. */
  applied: string[]
  /** Keys whose new values are ignored until the service is restarted. */
  needRestart: string[]
}

/**
 * Assigns the changed values of reloadable settings. The object stays the same, so its readers see
 * the new values.
 *
 * @param running the configuration that the service runs with; it is changed
 * @param next the configuration as it was read again
 */
export function applyReloadable(running: Config, next: Config): ConfigChange {
  const change: ConfigChange = { applied: [], needRestart: [] }
  for (const key of CONFIG_KEYS) {
    const value = sectionOf(next, key)[key.name]
    if (Bun.deepEquals(value, sectionOf(running, key)[key.name])) continue
    if (key.reloadable) sectionOf(running, key)[key.name] = value
    change[key.reloadable ? 'applied' : 'needRestart'].push(key.key)
  }
  return change
}

function sectionOf(config: Config, { section }: ConfigKey): Record<string, unknown> {
  return config[section as keyof Config]
}
