/**
 * Kills a process that was started with `detached`, and every process of its group: what a script started outlives the
 * script otherwise. The group may have ended already.
 */
export function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // No process of the group is left.
  }
}
