/** The system calls of a worker: the list of a strict worker must not grow unnoticed. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SANITIZED, startZygote, type TestZygote } from '../worker/harness.ts'

const WORKER =
  process.env.FUNCTIONS_TEST_WORKER ?? join(import.meta.dir, '../../.build/bin/quickjs-worker')

function calls(kind: string): string[] {
  const { stdout } = Bun.spawnSync([WORKER, '--system-calls', kind])
  return stdout.toString().trim().split('\n')
}

/** The list that is also in the documentation. */
const SEALED = [
  'clock_gettime',
  'epoll_ctl',
  'epoll_pwait',
  'exit_group',
  'getrandom',
  'mmap (in part)',
  'mremap',
  'munmap',
  'ppoll',
  'recvfrom',
  'restart_syscall',
  'rt_sigprocmask',
  'rt_sigreturn',
  'sendto',
  'writev',
  // aarch64 has no other than ppoll.
  ...(process.arch === 'x64' ? ['poll'] : []),
].sort()

const NEVER = [
  'ptrace',
  'process_vm_readv',
  'process_vm_writev',
  'mount',
  'umount2',
  'pivot_root',
  'unshare',
  'setns',
  'bpf',
  'userfaultfd',
  'keyctl',
  'add_key',
  'perf_event_open',
  'io_uring_setup',
  'io_uring_enter',
  'io_uring_register',
  'init_module',
  'kexec_load',
  'clone3',
  'open_by_handle_at',
  'pidfd_getfd',
  'reboot',
  'chroot',
]

describe('the filter of a strict worker', () => {
  test('allows exactly these calls', () => {
    expect(calls('sealed').sort()).toEqual(SEALED)
  })

  test('has nothing that opens, connects, starts or maps code', () => {
    const opening = /^(open|creat|socket|connect|bind|clone|fork|vfork|exec|mprotect|dup|kill)/
    expect(calls('sealed').filter((call) => opening.test(call))).toEqual([])
  })
})

describe.each(['sealed', 'files', 'programs', 'bun'])('the filter "%s"', (kind) => {
  test('allows none of what nobody gets', () => {
    const allowed = calls(kind).map((call) => call.split(' ')[0] as string)
    expect(NEVER.filter((call) => allowed.includes(call))).toEqual([])
  })
})

test('a filter that is not there is not listed', () => {
  expect(Bun.spawnSync([WORKER, '--system-calls', 'none']).exitCode).toBe(2)
})

describe.skipIf(SANITIZED)('a live worker', () => {
  let zygote: TestZygote
  beforeAll(async () => {
    zygote = await startZygote(['--pid-namespace', 'off'])
  })
  afterAll(() => zygote.close())

  test.each([
    ['strict', {}],
    ['with files', { allowFilesystem: true }],
    ['with programs', { allowFilesystem: true, allowChildProcess: true }],
  ])('%s is behind its filter and cannot gain privileges', async (_profile, capabilities) => {
    const bundle = 'export default () => new Response("ok")'
    const worker = await zygote.worker({ bundle, capabilities })
    const forked = await zygote.inbox.find(
      (message) => message.type === 'forked' && message.worker === worker.number,
    )
    const status = readFileSync(`/proc/${forked.pid}/status`, 'latin1')
    // One is the zygote's filter, which keeps io_uring from all workers.
    expect(status).toMatch(/^Seccomp_filters:\t2$/m)
    expect(status).toMatch(/^Seccomp:\t2$/m)
    expect(status).toMatch(/^NoNewPrivs:\t1$/m)
    expect((await worker.invoke()).text).toBe('ok')
  })
})
