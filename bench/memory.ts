/** Memory of processes, as the kernel counts it. */
import { readFileSync } from 'node:fs'

export interface ProcessMemory {
  privateBytes: number
  /** PSS: private memory and a share of each page that several processes map. */
  proportionalBytes: number
}

export function processMemory(pid: number): ProcessMemory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const field = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? Number.NaN) * 1024
  return {
    privateBytes: field('Private_Clean') + field('Private_Dirty'),
    proportionalBytes: field('Pss'),
  }
}

/** Resident bytes of one process. */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) * 1024
}

/** Sum of the proportional bytes of several processes. */
export function totalMemory(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + processMemory(pid).proportionalBytes, 0)
}
