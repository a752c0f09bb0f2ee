/**
 * node:os. Constants are those of Linux; every other value is the same in all workers, so that a
 * function learns nothing of the machine or of its other tenants.
 */

import { memoryBytes } from 'fn:worker'
import { arch as processArch } from 'node:process'
import { invalidArgType, notAvailable, outOfRange } from './internal/errors.ts'

const fixed = <T extends object>(values: T): Readonly<T> =>
  Object.freeze(Object.assign(Object.create(null) as object, values)) as Readonly<T>

export const constants = fixed({
  UV_UDP_REUSEADDR: 4,
  dlopen: fixed({
    RTLD_LAZY: 1,
    RTLD_NOW: 2,
    RTLD_GLOBAL: 256,
    RTLD_LOCAL: 0,
    RTLD_DEEPBIND: 8,
  }),
  errno: fixed({
    E2BIG: 7,
    EACCES: 13,
    EADDRINUSE: 98,
    EADDRNOTAVAIL: 99,
    EAFNOSUPPORT: 97,
    EAGAIN: 11,
    EALREADY: 114,
    EBADF: 9,
    EBADMSG: 74,
    EBUSY: 16,
    ECANCELED: 125,
    ECHILD: 10,
    ECONNABORTED: 103,
    ECONNREFUSED: 111,
    ECONNRESET: 104,
    EDEADLK: 35,
    EDESTADDRREQ: 89,
    EDOM: 33,
    EDQUOT: 122,
    EEXIST: 17,
    EFAULT: 14,
    EFBIG: 27,
    EHOSTUNREACH: 113,
    EIDRM: 43,
    EILSEQ: 84,
    EINPROGRESS: 115,
    EINTR: 4,
    EINVAL: 22,
    EIO: 5,
    EISCONN: 106,
    EISDIR: 21,
    ELOOP: 40,
    EMFILE: 24,
    EMLINK: 31,
    EMSGSIZE: 90,
    EMULTIHOP: 72,
    ENAMETOOLONG: 36,
    ENETDOWN: 100,
    ENETRESET: 102,
    ENETUNREACH: 101,
    ENFILE: 23,
    ENOBUFS: 105,
    ENODATA: 61,
    ENODEV: 19,
    ENOENT: 2,
    ENOEXEC: 8,
    ENOLCK: 37,
    ENOLINK: 67,
    ENOMEM: 12,
    ENOMSG: 42,
    ENOPROTOOPT: 92,
    ENOSPC: 28,
    ENOSR: 63,
    ENOSTR: 60,
    ENOSYS: 38,
    ENOTCONN: 107,
    ENOTDIR: 20,
    ENOTEMPTY: 39,
    ENOTSOCK: 88,
    ENOTSUP: 95,
    ENOTTY: 25,
    ENXIO: 6,
    EOPNOTSUPP: 95,
    EOVERFLOW: 75,
    EPERM: 1,
    EPIPE: 32,
    EPROTO: 71,
    EPROTONOSUPPORT: 93,
    EPROTOTYPE: 91,
    ERANGE: 34,
    EROFS: 30,
    ESPIPE: 29,
    ESRCH: 3,
    ESTALE: 116,
    ETIME: 62,
    ETIMEDOUT: 110,
    ETXTBSY: 26,
    EWOULDBLOCK: 11,
    EXDEV: 18,
  }),
  signals: fixed({
    SIGHUP: 1,
    SIGINT: 2,
    SIGQUIT: 3,
    SIGILL: 4,
    SIGTRAP: 5,
    SIGABRT: 6,
    SIGIOT: 6,
    SIGBUS: 7,
    SIGFPE: 8,
    SIGKILL: 9,
    SIGUSR1: 10,
    SIGSEGV: 11,
    SIGUSR2: 12,
    SIGPIPE: 13,
    SIGALRM: 14,
    SIGTERM: 15,
    SIGCHLD: 17,
    SIGSTKFLT: 16,
    SIGCONT: 18,
    SIGSTOP: 19,
    SIGTSTP: 20,
    SIGTTIN: 21,
    SIGTTOU: 22,
    SIGURG: 23,
    SIGXCPU: 24,
    SIGXFSZ: 25,
    SIGVTALRM: 26,
    SIGPROF: 27,
    SIGWINCH: 28,
    SIGIO: 29,
    SIGPOLL: 29,
    SIGPWR: 30,
    SIGSYS: 31,
  }),
  priority: fixed({
    PRIORITY_LOW: 19,
    PRIORITY_BELOW_NORMAL: 10,
    PRIORITY_NORMAL: 0,
    PRIORITY_ABOVE_NORMAL: -7,
    PRIORITY_HIGH: -14,
    PRIORITY_HIGHEST: -20,
  }),
})

export const EOL = '\n'
export const devNull = '/dev/null'

export const arch = (): string => processArch
export const availableParallelism = (): number => 1
export const endianness = (): 'LE' => 'LE'
export const homedir = (): string => '/'
export const hostname = (): string => 'localhost'
export const loadavg = (): [number, number, number] => [0, 0, 0]
export const machine = (): string => ''
export const networkInterfaces = (): Record<string, never> => ({})
export const platform = (): string => 'linux'
export const release = (): string => ''
export const tmpdir = (): string => '/tmp'
export const type = (): string => 'Linux'
export const version = (): string => ''

/** The age of this worker in seconds. */
export const uptime = (): number => performance.now() / 1000

/** The memory limit of the function, in bytes. */
export const totalmem = (): number => memoryBytes
/** The limit as well: what is in use is not counted here. */
export const freemem = (): number => memoryBytes

/** One processor, since a worker has one thread. */
export function cpus() {
  return [{ model: '', speed: 0, times: { user: 0, nice: 0, sys: 0, idle: 0, irq: 0 } }]
}

export function userInfo() {
  return { uid: -1, gid: -1, username: 'functions', homedir: homedir(), shell: null }
}

export function getPriority(pid: unknown = 0): number {
  if (typeof pid !== 'number') throw invalidArgType('pid', 'of type number', pid)
  if (!Number.isInteger(pid)) throw outOfRange('pid', 'an integer', pid)
  if (pid !== 0) throw notAvailable('os.getPriority of another process')
  return 0
}

for (const read of [arch, availableParallelism, endianness, homedir, hostname, machine]) {
  toText(read)
}
for (const read of [platform, release, tmpdir, type, uptime, version, totalmem, freemem]) {
  toText(read)
}

/** In Node these functions may be used as if they were values. */
function toText(read: () => unknown): void {
  Object.defineProperty(read, Symbol.toPrimitive, { value: read, configurable: true })
}

export default {
  EOL,
  arch,
  availableParallelism,
  constants,
  cpus,
  devNull,
  endianness,
  freemem,
  getPriority,
  homedir,
  hostname,
  loadavg,
  machine,
  networkInterfaces,
  platform,
  release,
  tmpdir,
  totalmem,
  type,
  uptime,
  userInfo,
  version,
}
