/** Requests a second of 32 clients, measured by wrk. */

/**
 * Requests a second at `path`, after a warm-up that starts processes and compiles code.
 *
 * @throws {Error} when a measured response is missing or not a 2xx
 */
export async function measureThroughput(port: number, path: string, seconds: number) {
  const url = `http://127.0.0.1:${port}${path}`
  await runWrk(url, WARM_UP_SECONDS)
  const text = await runWrk(url, seconds)
  const rate = /Requests\/sec:\s+([\d.]+)/.exec(text)?.[1]
  if (rate === undefined || /Non-2xx|Socket errors/.test(text)) {
    throw new Error(`wrk on ${url}: ${text}`)
  }
  return Number(rate)
}

const WARM_UP_SECONDS = 2

async function runWrk(url: string, seconds: number): Promise<string> {
  const args = ['wrk', '-t1', '-c32', `-d${seconds}s`, url]
  const child = Bun.spawn(args, { stdout: 'pipe', stderr: 'pipe' })
  return await new Response(child.stdout).text()
}
