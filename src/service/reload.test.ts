/** Every setting that the schema marks as reloadable takes effect at a reload. */
import { expect, test } from 'bun:test'
import { CONFIG_KEYS } from '../config/keys.ts'
import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import type { Components } from './compose.ts'
import { applySettings } from './reload.ts'

/** Settings whose readers take them from the configuration whenever they need them. */
const READ_WHEN_NEEDED = [
  // src/router/router.ts; the limit of workers is that of the budget.
  ...CONFIG_KEYS.filter(({ key }) => key.startsWith('limits.') && key !== 'limits.workers').map(
    ({ key }) => key,
  ),
  'audit.retention', // src/service/housekeeping.ts
  'server.shutdown_timeout', // src/service/service.ts
  'server.timeout', // src/service/version-source.ts
  'routing.domains', // src/service/limits.ts:domainPatterns
  'versions.keep', // src/service/limits.ts:retentionPolicy
  'versions.older_than',
]

/** The configuration, with a note of each setting that is read. */
function recording(config: Config, read: Set<string>): Config {
  const sections = Object.entries(config).map(([name, section]) => [
    name,
    new Proxy(section, {
      get(target, key) {
        const found = CONFIG_KEYS.find((each) => each.section === name && each.name === key)
        if (found !== undefined) read.add(found.key)
        return Reflect.get(target, key)
      },
    }),
  ])
  return Object.fromEntries(sections) as Config
}

test('the limits of the components are derived from every reloadable setting, and from no other', () => {
  const read = new Set<string>()
  const component = { configure: () => {}, resize: () => {} }
  const config = recording(loadConfig({ flags: {}, env: {} }).config, read)
  const names = ['gateway', 'budget', 'router', 'egress', 'telemetry']
  const components = Object.fromEntries(names.map((name) => [name, component]))
  applySettings({ config, ...components } as unknown as Components)
  const reloadable = CONFIG_KEYS.filter((each) => each.reloadable).map(({ key }) => key)
  expect([...read, ...READ_WHEN_NEEDED].toSorted()).toEqual(reloadable.toSorted())
})
