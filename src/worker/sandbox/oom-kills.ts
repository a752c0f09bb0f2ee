/** Distinguishes kills by the kernel's out-of-memory killer from other SIGKILLs. */
import { readFileSync } from 'node:fs'

const VMSTAT = '/proc/vmstat'

export class OomKills {
  readonly #path: string
  #explained: number | undefined

  /** @param path another file than the kernel's, for tests */
  constructor(path = VMSTAT) {
    this.#path = path
    this.#explained = this.#count()
  }

  /**
   * Was a process that died of SIGKILL killed for lack of memory? Each kill that the kernel counts
   * explains one death. If the kernel does not count them, every SIGKILL counts as one.
   */
  explains(): boolean {
    const count = this.#count()
    if (count === undefined || this.#explained === undefined) return true
    if (count <= this.#explained) return false
    this.#explained++
    return true
  }

  #count(): number | undefined {
    try {
      const count = /^oom_kill (\d+)$/m.exec(readFileSync(this.#path, 'latin1'))?.[1]
      return count === undefined ? undefined : Number(count)
    } catch {
      return undefined
    }
  }
}
