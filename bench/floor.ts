/** The floor of every cold start: `Bun.spawn` of an empty static program until it exits. */
import { buildProgram } from './programs.ts'
import { timeEach } from './statistics.ts'

/** Builds the empty program and gives its path. */
export function buildEmptyProgram(): string {
  return buildProgram('empty')
}

/** ms of each spawn of the empty program. */
export async function measureFloor(program: string, count: number): Promise<number[]> {
  const options = { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' } as const
  return await timeEach(count, async () => await Bun.spawn([program], options).exited)
}
