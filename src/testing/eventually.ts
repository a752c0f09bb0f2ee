/** Time between two looks at a condition. */
const POLL_MS = 5

/**
 * Waits until `condition` holds.
 *
 * @param what names the condition in the error
 * @throws if the condition does not hold within `timeoutMs`
 */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
): Promise<void> {
  const end = performance.now() + timeoutMs
  while (!(await condition())) {
    if (performance.now() > end) {
      throw new Error(`Condition not met within ${timeoutMs} ms: ${what}`)
    }
    await Bun.sleep(POLL_MS)
  }
}
