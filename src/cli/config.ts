import { CONFIG_KEYS, type ConfigKey, shown } from '../config/keys.ts'
import type { LoadedConfig } from '../config/load.ts'
import { formatDuration, formatSize } from '../units.ts'
import type { Command } from './command.ts'
import { table } from './table.ts'

export const config: Command = {
  name: 'config',
  localOnly: true,
  summary: 'Print every setting and where its value came from',
  examples: ['config', 'config --json', 'config --config /etc/functions.toml'],
  takesSettings: true,
  async run({ io, loaded, print }) {
    for (const warning of loaded.warnings) {
      await io.stderr(`${warning}\n`)
    }
    const rows = CONFIG_KEYS.map((key) => ({
      key: key.key,
      value: shown(key, currentValue(loaded, key)),
      source: loaded.sources.get(key.key)?.label ?? 'default',
      unit: key.unit,
    }))
    const document = Object.fromEntries(
      rows.map(({ key, value, source }) => [key, { value: value ?? null, source }]),
    )
    await print(document, () =>
      table(
        ['KEY', 'VALUE', 'FROM'],
        rows.map(({ key, value, source, unit }) => [key, asText(value, unit), source]),
      ),
    )
  },
}

function currentValue({ config }: LoadedConfig, { section, name }: ConfigKey): unknown {
  const values = config as unknown as Record<string, Record<string, unknown>>
  return values[section]?.[name]
}

function asText(value: unknown, unit: ConfigKey['unit']): string {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) {
    return '-'
  }
  if (typeof value === 'number' && unit !== undefined) {
    return unit === 'bytes' ? formatSize(value) : formatDuration(value)
  }
  return Array.isArray(value) ? value.join(', ') : String(value)
}
