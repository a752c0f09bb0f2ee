import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dir, '../..')
const TOOLS = ['bash', 'dirname', 'uname', 'node', 'npm', 'python3', 'flock']
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'functions-path-'))
})
afterAll(() => {
  rmSync(folder, { recursive: true })
})

/** Runs build.sh where only these commands are to be found; it must stop before it does anything. */
async function build(name: string, tools: string[], python?: string) {
  const path = mkdtempSync(join(folder, `${name}-`))
  for (const tool of tools) {
    symlinkSync(Bun.which(tool) as string, join(path, tool))
  }
  if (python !== undefined) {
    writeFileSync(join(path, 'python3'), python, { mode: 0o755 })
  }
  const child = Bun.spawn(['bash', join(ROOT, 'scripts/build.sh')], {
    env: { PATH: path },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const said = await new Response(child.stderr).text()
  return { status: await child.exited, said }
}

for (const missing of ['node', 'npm', 'flock']) {
  test(`a machine without ${missing} gets an error of one sentence`, async () => {
    const tools = TOOLS.filter((tool) => tool !== missing && tool !== 'python3')
    // A Python that has pip, as far as the check can see: nothing else may be asked of it.
    const { status, said } = await build(missing, tools, '#!/bin/sh\nexit 0\n')
    expect(said).toBe(`This machine lacks ${missing}: install it and run this again.\n`)
    expect(status).toBe(1)
  })
}

test('a machine without pip gets an error', async () => {
  const tools = TOOLS.filter((tool) => tool !== 'python3')
  const { status, said } = await build('pip', tools, '#!/bin/sh\nexit 1\n')
  expect(said).toBe('This machine lacks pip (python3 -m pip): install it and run this again.\n')
  expect(status).toBe(1)
})

test('several missing tools are named together', async () => {
  const { said } = await build('several', ['bash', 'dirname', 'uname', 'node'])
  expect(said).toBe('This machine lacks npm, python3, flock: install it and run this again.\n')
})
