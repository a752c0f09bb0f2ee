/** Requests a second at 32 clients, by wrk. */

/** Requests a second at `path`; fails when any answer is not a 2xx. */
export async function measureThroughput(port: number, path: string, seconds: number) {
  const url = `http://127.0.0.1:${port}${path}`
  const args = ['wrk', '-t1', '-c32', `-d${seconds}s`, url]
  const child = Bun.spawn(args, { stdout: 'pipe', stderr: 'pipe' })
  const text = await new Response(child.stdout).text()
  const rate = /Requests\/sec:\s+([\d.]+)/.exec(text)?.[1]
  if (rate === undefined || /Non-2xx|Socket errors/.test(text)) {
    throw new Error(`wrk on ${url}: ${text}`)
  }
  return Number(rate)
}
