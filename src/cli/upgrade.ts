import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { FunctionError } from '../errors.ts'
import { HAND_OVER } from '../service/hand-over-peer.ts'
import { needService } from './client.ts'
import type { Command } from './command.ts'
import { Installation } from './installation.ts'
import { describeService, readTimeout, replaceProcess, TIMEOUT_OPTION } from './restart.ts'

/** Time that the new executable has to say its version, ms. */
const VERSION_TIMEOUT_MS = 30_000

const versionSchema = z.object({ version: z.string(), handOver: z.int().optional() })

export const upgrade: Command = {
  name: 'upgrade',
  args: '<file>',
  summary: 'Replace the executable of the running service, without a refused connection',
  examples: ['upgrade ./functions', 'upgrade /tmp/functions-new --data-dir /var/lib/functions'],
  options: [TIMEOUT_OPTION],
  async run({ loaded, print }, [file = ''], options) {
    const timeoutMs = readTimeout(options.timeout)
    const client = await needService(loaded)
    const before = await describeService(client)
    const installation = new Installation(before.executable)
    installation.bring(resolve(file))
    try {
      await checkRelease(file, installation.next)
      installation.rehearse()
      const next = await replaceProcess(client, { upgrade: true, timeoutMs })
      installation.exchange()
      const { pid, release } = next
      const { current, previous } = installation
      await print({ pid, release, previousPid: before.pid, executable: current, previous }, () => {
        const lines = [
          `The service is process ${pid} now, release ${release} (before: ${before.release}). Process ${before.pid} finishes its requests.`,
          `${current} is the new executable, ${previous} the one before.`,
        ]
        return `${lines.join('\n')}\n`
      })
    } finally {
      installation.discard()
    }
  },
}

/**
 * Runs the new executable to see what it is.
 *
 * @throws {FunctionError} CONFLICT
 */
async function checkRelease(file: string, path: string): Promise<void> {
  const refused = (why: string, cause?: unknown) =>
    new FunctionError('CONFLICT', `${file} cannot take over: ${why} Nothing was changed.`, {
      cause,
    })
  const text = await versionOf(path).catch((cause) => {
    const { code, message } = cause as NodeJS.ErrnoException
    throw refused(`it cannot be executed on this machine (${code ?? message}).`, cause)
  })
  const parsed = versionSchema.safeParse(jsonOf(text))
  if (!parsed.success) throw refused("it is not an executable of functions: 'version' failed.")
  const { version, handOver } = parsed.data
  if (handOver !== HAND_OVER) {
    throw refused(
      `release ${version} hands over in another way than this one, or not at all. Replace the executable and restart the service, as 'Upgrade and downgrade' in docs/operations.md says.`,
    )
  }
}

/** Empty if it fails or takes too long. */
async function versionOf(path: string): Promise<string> {
  // Settings of the working directory must not matter.
  const cwd = mkdtempSync(join(tmpdir(), 'functions-upgrade-'))
  try {
    const child = Bun.spawn([path, 'version', '--json'], {
      cwd,
      env: {},
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: VERSION_TIMEOUT_MS,
      killSignal: 'SIGKILL',
    })
    const text = await new Response(child.stdout).text()
    return (await child.exited) === 0 ? text : ''
  } finally {
    rmSync(cwd, { recursive: true, force: true })
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
