/** Reads /proc/<pid> (proc(5)). A process may end at any moment; then there is no result. */
import { readFileSync } from 'node:fs'
import { libc } from './libc.ts'

/** Unit of CPU time in /proc, the same on every architecture (USER_HZ is part of the Linux ABI). */
const MS_PER_TICK = 10
const PAGE_BYTES = 4096

export interface ProcessUse {
  /** Anonymous and shared memory; mapped files are not counted. */
  residentBytes: number
  cpuMs: number
}

/** Undefined if the process has ended. */
export function readProcessUse(pid: number): ProcessUse | undefined {
  const status = readProc(`${pid}/status`)
  const fields = statFields(pid)
  if (status === undefined || fields === undefined) return undefined
  // utime and stime, fields 14 and 15.
  const ticks = Number(fields[11]) + Number(fields[12])
  const kilobytes = kilobytesOf(status, 'RssAnon') + kilobytesOf(status, 'RssShmem')
  return { residentBytes: kilobytes * 1024, cpuMs: ticks * MS_PER_TICK }
}

/** In the id of a CPU clock: the time that the scheduler counts, in nanoseconds. */
const CPUCLOCK_SCHED = 2

/** Two 64-bit numbers: seconds and nanoseconds. */
const time = new BigInt64Array(2)

/**
 * CPU time of a process with all its threads, µs, from its CPU clock. Undefined if it has ended. The clock's id is
 * what clock_getcpuclockid(3) returns. It takes one call and no file, so that a thousand workers can be measured often.
 */
export function readCpuUs(pid: number): number | undefined {
  const clock = (~pid << 3) | CPUCLOCK_SCHED
  if (libc().clock_gettime(clock, time) !== 0) return undefined
  const [seconds = 0n, nanoseconds = 0n] = time
  return Number(seconds) * 1e6 + Number(nanoseconds) / 1e3
}

/** Resident memory in bytes, mapped files included; 0 if the process is gone. */
export function residentBytes(pid: number): number {
  return Number(readProc(`${pid}/statm`)?.split(' ')[1] ?? 0) * PAGE_BYTES
}

/** Whether the process leads a session. The session is field 6 of /proc/<pid>/stat. */
export function leadsSession(pid: number): boolean {
  return Number(statFields(pid)?.[3]) === pid
}

/**
 * The children of a process in another pid namespace: their pid in that namespace -> their pid here.
 *
 * @param known the result of the last call: only newer children are read, because reading a thousand
 *   children takes longer than starting one
 */
export function readHostPids(
  parent: number,
  known: ReadonlyMap<number, number>,
): Map<number, number> {
  const pids = new Map<number, number>()
  const innerPids = new Map([...known].map(([inner, pid]) => [pid, inner]))
  const children = readProc(`${parent}/task/${parent}/children`) ?? ''
  for (const child of children.split(' ').filter(Boolean)) {
    const inner = innerPids.get(Number(child)) ?? innerPid(child)
    if (inner !== undefined) pids.set(inner, Number(child))
  }
  return pids
}

function innerPid(pid: string): number | undefined {
  const inner = /^NSpid:.*\t(\d+)$/m.exec(readProc(`${pid}/status`) ?? '')?.[1]
  return inner === undefined ? undefined : Number(inner)
}

/**
 * The fields of /proc/<pid>/stat from the third on. The second is the name in parentheses. It may
 * contain any character, so the fields are counted from the last parenthesis.
 */
function statFields(pid: number): string[] | undefined {
  const stat = readProc(`${pid}/stat`)
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
}

function kilobytesOf(status: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0)
}

function readProc(name: string): string | undefined {
  try {
    return readFileSync(`/proc/${name}`, 'latin1')
  } catch {
    return undefined
  }
}
