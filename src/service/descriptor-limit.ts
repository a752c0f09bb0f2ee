/** How many files the service may have open, and how many its settings may need. */
import { readFileSync } from 'node:fs'
import type { Config } from '../config/schema.ts'

/** Databases, logs, zygotes, the management socket and its clients. */
const OWN = 256
/** Idle connections to upstreams (src/egress/connections.ts). */
const IDLE_UPSTREAM = 256
/** Descriptors of a worker that is not forked: its channel, its launcher and its output. A forked one has 1. */
const PER_WORKER = 5

/** What the workers, and requests that wait for one, may have open at the same time. */
export function neededDescriptors({ pool }: Config): number {
  return OWN + IDLE_UPSTREAM + PER_WORKER * pool.maxWorkers + pool.queue
}

/**
 * The limit of open files of this process, which is the hard limit: Bun raises the soft one to it when it starts.
 *
 * @param limits the content of /proc/self/limits
 */
export function descriptorLimit(limits = readFileSync('/proc/self/limits', 'utf8')): number {
  const soft = /^Max open files\s+(\S+)/m.exec(limits)?.[1]
  return soft === undefined || soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft)
}

/** What is wrong with the limit, and what to do; undefined if it is enough. */
export function descriptorWarning(config: Config, limit = descriptorLimit()): string | undefined {
  const needed = neededDescriptors(config)
  if (limit >= needed) return undefined
  return `The service may have ${limit} files open, and its settings may need ${needed} (pool.max_workers = ${config.pool.maxWorkers}, pool.queue = ${config.pool.queue}): raise the hard limit (ulimit -Hn, LimitNOFILE of the unit), or lower these settings.`
}
