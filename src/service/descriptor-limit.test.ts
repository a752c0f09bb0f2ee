import { expect, test } from 'bun:test'
import { loadConfig } from '../config/load.ts'
import { descriptorLimit, descriptorWarning, neededDescriptors } from './descriptor-limit.ts'

const config = loadConfig({
  flags: { 'pool-max-workers': '100', 'pool-queue': '50' },
  env: {},
}).config

test('the soft limit is read as the kernel prints it', () => {
  const line = (soft: string) =>
    `Max processes 1 1 x\nMax open files            ${soft}     4096   files\n`
  expect(descriptorLimit(line('1024'))).toBe(1024)
  expect(descriptorLimit(line('unlimited'))).toBe(Number.POSITIVE_INFINITY)
  expect(descriptorLimit()).toBeGreaterThan(0)
})

test('a limit below the need is a warning that names both, the settings and the remedy', () => {
  const needed = neededDescriptors(config)
  expect(needed).toBeGreaterThan(550)
  expect(descriptorWarning(config, needed)).toBeUndefined()
  const warning = descriptorWarning(config, needed - 1)
  for (const part of [needed, needed - 1, 'pool.max_workers = 100', 'ulimit', 'LimitNOFILE']) {
    expect(warning).toContain(String(part))
  }
})
