import { formatDuration, formatSize } from '../units.ts'
import { CONFIG_KEYS } from './keys.ts'

/** The settings as a `functions.toml`. The data directory and the socket are those of one machine: comments. */
export function configToml(settings: Readonly<Record<string, unknown>>): string {
  const sections = new Map<string, string[]>()
  for (const { section, key, unit } of CONFIG_KEYS) {
    const value = settings[key]
    if (value === undefined) continue
    const lines = sections.get(section) ?? []
    sections.set(section, lines)
    const local = key === 'server.data_dir' || key === 'server.socket'
    const name = key.slice(section.length + 1)
    lines.push(`${local ? '# ' : ''}${name} = ${tomlValue(value, unit)}`)
  }
  return [...sections].map(([name, lines]) => `[${name}]\n${lines.join('\n')}\n`).join('\n')
}

/** A TOML string has the escapes of a JSON string. */
function tomlValue(value: unknown, unit: 'bytes' | 'ms' | undefined): string {
  if (typeof value !== 'number' || unit === undefined) return JSON.stringify(value)
  return JSON.stringify(unit === 'bytes' ? formatSize(value) : formatDuration(value))
}
