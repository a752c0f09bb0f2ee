/**
 * Calls of the C library that Bun has no API for. Loading takes a few milliseconds, so it happens at the first use.
 */
import { dlopen, ptr } from 'bun:ffi'

const LIBRARY = 'libc.so.6'

const SYMBOLS = {
  clock_gettime: { args: ['i32', 'ptr'], returns: 'i32' },
  close: { args: ['i32'], returns: 'i32' },
  dup3: { args: ['i32', 'i32', 'i32'], returns: 'i32' },
  epoll_ctl: { args: ['i32', 'i32', 'i32', 'ptr'], returns: 'i32' },
  fcntl: { args: ['i32', 'i32', 'i32'], returns: 'i32' },
  getsockname: { args: ['i32', 'ptr', 'ptr'], returns: 'i32' },
  getsockopt: { args: ['i32', 'i32', 'i32', 'ptr', 'ptr'], returns: 'i32' },
  pipe2: { args: ['ptr', 'i32'], returns: 'i32' },
  poll: { args: ['ptr', 'u64', 'i32'], returns: 'i32' },
  renameat2: { args: ['i32', 'ptr', 'i32', 'ptr', 'u32'], returns: 'i32' },
  sendmsg: { args: ['i32', 'ptr', 'i32'], returns: 'i64' },
  setsockopt: { args: ['i32', 'i32', 'i32', 'ptr', 'u32'], returns: 'i32' },
  socket: { args: ['i32', 'i32', 'i32'], returns: 'i32' },
  syscall: { args: ['i64', 'ptr', 'u64', 'u64'], returns: 'i64' },
} as const

/** The functions of the C library. Each returns a negative number on failure, and its errno is lost. */
export type Libc = ReturnType<typeof load>

let loaded: Libc | undefined

function load() {
  return dlopen(LIBRARY, SYMBOLS).symbols
}

/** @throws {Error} if the library cannot be loaded: the system has another C library than GNU's */
export function libc(): Libc {
  loaded ??= load()
  return loaded
}

/** The address of an array's bytes, for a pointer inside a structure. An argument can be the array itself. */
export const addressOf = ptr

/** `O_CLOEXEC` and `SOCK_CLOEXEC`, which are the same number on x86-64 and aarch64. */
export const CLOEXEC = 0o2000000

const F_SETFD = 2
const FD_CLOEXEC = 1

/** Programs that this process starts do not get the descriptor. */
export function closeOnExec(fd: number): void {
  libc().fcntl(fd, F_SETFD, FD_CLOEXEC)
}

const F_DUPFD_CLOEXEC = 1030
/** Above the descriptors of a child process. */
const FIRST_COPY = 10

/** @throws {Error} if no descriptor is free */
export function duplicate(fd: number): number {
  const copy = libc().fcntl(fd, F_DUPFD_CLOEXEC, FIRST_COPY)
  if (copy < 0) throw new Error(`the descriptor ${fd} cannot be duplicated`)
  return copy
}

const CLOCK_MONOTONIC = 1

/** Microseconds of CLOCK_MONOTONIC, which all processes share. */
export function monotonicUsec(): bigint {
  const time = new BigInt64Array(2)
  libc().clock_gettime(CLOCK_MONOTONIC, time)
  const [seconds = 0n, nanoseconds = 0n] = time
  return seconds * 1_000_000n + nanoseconds / 1000n
}
