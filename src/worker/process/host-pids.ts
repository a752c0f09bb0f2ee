/** Pids of processes in a pid namespace, as the host sees them. */
import { readFileSync } from 'node:fs'

/**
 * The children of a process: their pid in its namespace -> their pid here.
 *
 * @param known what the last call gave: only children that are new since then are looked at, as
 *   looking at a thousand of them takes longer than starting one
 */
export function readHostPids(
  parent: number,
  known: ReadonlyMap<number, number>,
): Map<number, number> {
  const pids = new Map<number, number>()
  const innerPids = new Map([...known].map(([inner, pid]) => [pid, inner]))
  try {
    const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'latin1')
    for (const child of children.split(' ').filter(Boolean)) {
      const inner = innerPids.get(Number(child)) ?? innerPid(child)
      if (inner !== undefined) pids.set(inner, Number(child))
    }
  } catch {
    // The template is gone, or the kernel does not tell: then nobody is shown a pid.
  }
  return pids
}

function innerPid(pid: string): number | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    const own = /^NSpid:.*\t(\d+)$/m.exec(status)?.[1]
    return own === undefined ? undefined : Number(own)
  } catch {
    // It ended since its parent named it.
    return undefined
  }
}
