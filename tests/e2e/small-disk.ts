/** A small disk of its own, for tests of what happens when there is no space. */
import { closeSync, mkdirSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** Why this machine cannot mount a disk; undefined if it can. */
export const NO_MOUNT = process.getuid?.() === 0 ? undefined : 'mounting needs root'

export class SmallDisk {
  readonly path: string

  /**
   * @param path an empty folder, or one that is made
   * @param size in mount's form, such as `8m`
   */
  constructor(path: string, size: string) {
    this.path = path
    mkdirSync(path, { recursive: true })
    const { exitCode, stderr } = Bun.spawnSync([
      'mount',
      '-t',
      'tmpfs',
      '-o',
      `size=${size},mode=755`,
      'tmpfs',
      path,
    ])
    if (exitCode !== 0) throw new Error(`mount ${path}: ${stderr}`)
  }

  /** Uses all space that is left, to the last byte of the last page. */
  fill(): void {
    const file = openSync(join(this.path, 'fill'), 'a')
    try {
      for (;;) writeSync(file, Buffer.alloc(4096))
    } catch {
      closeSync(file)
    }
  }

  free(): void {
    unlinkSync(join(this.path, 'fill'))
  }

  unmount(): void {
    Bun.spawnSync(['umount', '-l', this.path])
    if (readFileSync('/proc/mounts', 'utf8').includes(` ${this.path} `)) {
      throw new Error(`${this.path} is still mounted`)
    }
  }
}
