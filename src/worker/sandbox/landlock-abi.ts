/** What the kernel's version of Landlock can restrict. */
import { libc } from '../../lib/libc.ts'

/** The same number on x86-64 and aarch64. */
const SYS_LANDLOCK_CREATE_RULESET = 444
const LANDLOCK_CREATE_RULESET_VERSION = 1

/** What each version added, and the kernel that has it first. */
const ADDED: readonly { abi: number; what: string; kernel: string }[] = [
  { abi: 1, what: 'limits files by path', kernel: '5.13' },
  { abi: 3, what: 'truncation counts as writing', kernel: '6.2' },
  { abi: 4, what: 'no ports', kernel: '6.7' },
  { abi: 5, what: 'no ioctl on devices', kernel: '6.10' },
  { abi: 6, what: 'signals and abstract sockets stay inside', kernel: '6.12' },
]

/** The kernel's version of Landlock; 0 if it has none. landlock_create_ruleset(2). */
export function landlockAbi(): number {
  const abi = libc().syscall(SYS_LANDLOCK_CREATE_RULESET, null, 0, LANDLOCK_CREATE_RULESET_VERSION)
  return Math.max(0, Number(abi))
}

/** What a version restricts, and what it lacks, for the operator. */
export function describeLandlock(abi: number): string {
  const has = ADDED.filter((row) => row.abi <= abi).map(({ what }) => what)
  const lacks = ADDED.filter((row) => row.abi > abi).map(
    ({ what, kernel }) => `${what} (Linux ${kernel})`,
  )
  const missing = lacks.length === 0 ? '' : `; this kernel lacks: ${lacks.join(', ')}`
  return `version ${abi}: ${has.join('; ')}${missing}`
}
