import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import type { LoadedConfig } from '../config/load.ts'
import { FunctionError } from '../errors.ts'
import { killGroup } from '../lib/process-group.ts'
import { HAND_OVER } from '../service/hand-over-peer.ts'
import { type ApiClient, findService, needService } from './client.ts'
import type { Command, Io } from './command.ts'
import { Installation } from './installation.ts'
import {
  describeService,
  finishUpgrade,
  readTimeout,
  replaceProcess,
  TIMEOUT_OPTION,
} from './restart.ts'
import { SignalHold } from './signal-hold.ts'

/** Time that the new executable has to say its version, ms. */
const VERSION_TIMEOUT_MS = 30_000
/** Time for the new process to be the service after the old one was killed during the hand-over, ms. */
const LOST_MS = 5_000
const LOST_RETRY_MS = 100
/** Maximum size of the document of its version. More is the output of another program. */
const MAX_VERSION_BYTES = 64 * 1024

const versionSchema = z.object({ version: z.string(), handOver: z.int().optional() })

export const upgrade: Command = {
  name: 'upgrade',
  args: '<file>',
  localOnly: true,
  summary: 'Replace the executable of the running service, without a refused connection',
  examples: ['upgrade ./functions', 'upgrade /tmp/functions-new --data-dir /var/lib/functions'],
  options: [TIMEOUT_OPTION],
  async run({ loaded, print, io }, [file = ''], options) {
    const timeoutMs = readTimeout(options.timeout)
    const client = await needService(loaded)
    const before = await describeService(client)
    const installation = new Installation(before.executable)
    const { current, previous } = installation
    const signals = new SignalHold()
    let next: { pid: number; release: string }
    try {
      next = await installation.exclusively(async () => {
        await finishUpgrade(installation, before.pid, io)
        await noteLeftover(installation, file, io)
        await prepare(installation, file, timeoutMs, signals)
        signals.hold(() => void io.stderr('The upgrade has begun: it is completed first.\n'))
        const taken = await takeOver(loaded, client, installation, timeoutMs)
        installation.exchange()
        return taken
      })
    } finally {
      signals.release()
    }
    const { pid, release } = next
    await print({ pid, release, previousPid: before.pid, executable: current, previous }, () => {
      const lines = [
        `The service is process ${pid} now, release ${release} (before: ${before.release}). Process ${before.pid} finishes its requests.`,
        `${current} is the new executable, ${previous} the one before.`,
      ]
      return `${lines.join('\n')}\n`
    })
  },
}

/** An upgrade that was killed before the service moved to its executable had no effect. */
async function noteLeftover({ next }: Installation, file: string, io: Io): Promise<void> {
  if (!existsSync(next) || resolve(file) === next) return
  await io.stderr(`note: ${next} is of an upgrade that was cut off, and is replaced.\n`)
}

/**
 * Puts the new executable beside the current one, or leaves nothing.
 *
 * @throws {FunctionError} BAD_REQUEST, STORAGE_UNUSABLE, CONFLICT
 */
async function prepare(
  installation: Installation,
  file: string,
  timeoutMs: number,
  signals: SignalHold,
): Promise<void> {
  try {
    installation.bring(resolve(file))
    await signals.check()
    await checkRelease(file, installation.next, timeoutMs, signals)
    installation.rehearse()
    await signals.check()
  } catch (error) {
    installation.discard()
    throw error
  }
}

/**
 * Makes the new executable the service.
 *
 * @throws {FunctionError} RESTART_FAILED, CONFLICT, NOT_RUNNING
 */
async function takeOver(
  loaded: LoadedConfig,
  client: ApiClient,
  installation: Installation,
  timeoutMs: number,
): Promise<{ pid: number; release: string }> {
  try {
    return await replaceProcess(client, { upgrade: true, timeoutMs })
  } catch (error) {
    const lost = error instanceof FunctionError && error.code === 'NOT_RUNNING'
    if (!lost) {
      installation.discard()
      throw error
    }
    // The process was killed. The new one may be the service all the same, so its file must stay.
    const end = performance.now() + LOST_MS
    while (performance.now() < end) {
      const service = await describeFound(loaded)
      if (service !== undefined && installation.unfinished(service.pid)) return service
      await Bun.sleep(LOST_RETRY_MS)
    }
    throw error
  }
}

async function describeFound(loaded: LoadedConfig) {
  try {
    const found = await findService(loaded)
    return found && (await describeService(found))
  } catch {
    return undefined
  }
}

/**
 * Runs the new executable to see what it is.
 *
 * @throws {FunctionError} CONFLICT
 */
async function checkRelease(
  file: string,
  path: string,
  timeoutMs: number,
  signals: SignalHold,
): Promise<void> {
  const refused = (why: string, cause?: unknown) =>
    new FunctionError('CONFLICT', `${file} cannot take over: ${why} Nothing was changed.`, {
      cause,
    })
  const text = await versionOf(path, timeoutMs, signals.aborted).catch((cause) => {
    const { code, message } = cause as NodeJS.ErrnoException
    throw refused(`it cannot be executed on this machine (${code ?? message}).`, cause)
  })
  await signals.check()
  const parsed = versionSchema.safeParse(jsonOf(text))
  if (!parsed.success) throw refused("it is not an executable of functions: 'version' failed.")
  const { version, handOver } = parsed.data
  if (handOver !== HAND_OVER) {
    throw refused(
      `release ${version} hands over in another way than this one, or not at all. Replace the executable and restart the service, as 'Upgrade and downgrade' in docs/operations.md says.`,
    )
  }
}

/** Empty if it fails, takes too long, or prints too much. Nothing that it started goes on. */
async function versionOf(path: string, timeoutMs: number, aborted: AbortSignal): Promise<string> {
  // Settings of the working directory must not matter.
  const cwd = mkdtempSync(join(tmpdir(), 'functions-upgrade-'))
  const limit = AbortSignal.timeout(Math.min(timeoutMs, VERSION_TIMEOUT_MS))
  try {
    const child = Bun.spawn([path, 'version', '--json'], {
      cwd,
      env: {},
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    })
    const reader = child.stdout.getReader()
    const end = () => {
      killGroup(child.pid)
      // A process that left the group may hold the pipe open.
      reader.cancel().catch(() => {})
    }
    const over = AbortSignal.any([aborted, limit])
    over.addEventListener('abort', end)
    if (over.aborted) end()
    try {
      const text = await readUpTo(MAX_VERSION_BYTES, reader)
      if (text === undefined) killGroup(child.pid)
      return (await child.exited) === 0 && !over.aborted ? (text ?? '') : ''
    } finally {
      over.removeEventListener('abort', end)
      end()
    }
  } finally {
    rmSync(cwd, { recursive: true, force: true })
  }
}

/** Undefined if there is more. */
async function readUpTo(
  maxBytes: number,
  reader: { read(): Promise<{ done: boolean; value?: Uint8Array | undefined }> },
): Promise<string | undefined> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done || value === undefined) return Buffer.concat(chunks).toString()
    bytes += value.length
    if (bytes > maxBytes) return undefined
    chunks.push(value)
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
