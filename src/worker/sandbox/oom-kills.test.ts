import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { OomKills } from './oom-kills.ts'

test('each kill that the kernel counts explains one death', () => {
  const dir = mkdtempSync(join(tmpdir(), 'functions-oom-'))
  const path = join(dir, 'vmstat')
  const counted = (kills: number) => writeFileSync(path, `pgfault 7\noom_kill ${kills}\nzswpin 0\n`)
  counted(3)
  const kills = new OomKills(path)
  expect(kills.explains()).toBe(false)
  counted(5)
  expect([kills.explains(), kills.explains(), kills.explains()]).toEqual([true, true, false])
  rmSync(dir, { recursive: true })
})

test('if the kernel does not count them, every SIGKILL counts as one', () => {
  expect(new OomKills('/nothing/here').explains()).toBe(true)
})
