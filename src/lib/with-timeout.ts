/**
 * Waits for `work`, but no longer than `ms`. The work itself is not stopped.
 *
 * @returns whether the work ended in time
 * @throws what `work` rejects with, if it does so in time
 */
export async function withTimeout(ms: number, work: Promise<unknown>): Promise<boolean> {
  const timeout = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => timeout.resolve(false), ms)
  try {
    return await Promise.race([work.then(() => true), timeout.promise])
  } finally {
    clearTimeout(timer)
  }
}
