/** Finds what the root of a Bun worker must contain so that its executable starts: loader and libraries. */
import { closeSync, openSync, readSync, realpathSync } from 'node:fs'
import type { Program } from '../sandbox/sandbox.ts'

const PT_INTERP = 3
const PAGE_BYTES = 4096

/** @throws {Error} if the file is not an executable of this system, or cannot be loaded */
export function findProgram(executablePath: string): Program {
  const path = realpathSync(executablePath)
  const loader = interpreterOf(path)
  if (loader === undefined) return { path, libraries: [] }
  // The loader lists the libraries without running the program.
  const { stdout, exitCode } = Bun.spawnSync([loader, '--list', path], { env: {} })
  if (exitCode !== 0)
    throw new Error(`${loader} cannot load ${path}; check that its libraries are installed`)
  const found = stdout
    .toString()
    .split('\n')
    .map((line) => /(?:=>\s*)?(\/\S+) \(0x[0-9a-f]+\)$/.exec(line)?.[1])
    .filter((library) => library !== undefined)
  return { path, libraries: [...new Set([loader, ...found])] }
}

/** The loader that the kernel starts for an ELF file; undefined for a static one. */
function interpreterOf(path: string): string | undefined {
  const fd = openSync(path, 'r')
  try {
    const head = Buffer.alloc(PAGE_BYTES)
    readSync(fd, head, 0, PAGE_BYTES, 0)
    if (head.toString('latin1', 0, 4) !== '\x7fELF')
      throw new Error(`${path} is not an ELF executable`)
    const table = Number(head.readBigUInt64LE(32))
    const size = head.readUInt16LE(54)
    const count = head.readUInt16LE(56)
    for (let at = table; at < table + size * count && at + size <= PAGE_BYTES; at += size) {
      if (head.readUInt32LE(at) !== PT_INTERP) continue
      const name = Buffer.alloc(Number(head.readBigUInt64LE(at + 32)))
      readSync(fd, name, 0, name.length, Number(head.readBigUInt64LE(at + 8)))
      return name.toString('latin1').replace(/\0.*$/s, '')
    }
    return undefined
  } finally {
    closeSync(fd)
  }
}
