/** The floor of every cold start: `Bun.spawn` of an empty static program until it has exited. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { timeEach } from './statistics.ts'

const ROOT = join(import.meta.dir, '..')

/** Builds the empty program and gives its path. */
export function buildEmptyProgram(): string {
  const dir = join(ROOT, '.build/bench')
  mkdirSync(dir, { recursive: true })
  const source = join(dir, 'empty.c')
  const program = join(dir, 'empty')
  writeFileSync(source, 'int main(void) { return 0; }\n')
  const zig = join(ROOT, 'node_modules/.bin/zig')
  const target = `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-musl`
  const built = Bun.spawnSync([
    zig,
    'cc',
    '-static',
    '-O2',
    '-s',
    '-target',
    target,
    source,
    '-o',
    program,
  ])
  if (built.exitCode !== 0) {
    throw new Error(`the empty program did not build: ${built.stderr}`)
  }
  return program
}

/** ms of each spawn of the empty program. */
export async function measureFloor(program: string, count: number): Promise<number[]> {
  const options = { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' } as const
  return await timeEach(count, async () => await Bun.spawn([program], options).exited)
}
