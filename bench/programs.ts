/** Builds the bench's small native programs with the compiler of the product. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dir, '..')
/** Directory of what the bench builds and writes. */
export const BENCH_DIR = join(ROOT, '.build/bench')

/** Compiles one C file of this directory into a static program and gives its path. */
export function buildProgram(name: string, ...flags: string[]): string {
  mkdirSync(BENCH_DIR, { recursive: true })
  const program = join(BENCH_DIR, name)
  const target = `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-musl`
  const built = Bun.spawnSync([
    join(ROOT, 'node_modules/.bin/zig'),
    'cc',
    '-static',
    '-O2',
    '-s',
    '-target',
    target,
    ...[...flags, join(import.meta.dir, `${name}.c`), '-o', program],
  ])
  if (built.exitCode !== 0) throw new Error(`${name}.c did not build: ${built.stderr}`)
  return program
}
