import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { type DeployDocument, deployDocumentSchema } from '../admin/documents.ts'
import {
  checked,
  type DeploySettings,
  functionNameSchema,
  resolveSettings,
} from '../admin/settings.ts'
import { buildBundle } from '../bundles/build.ts'
import type { Bundle } from '../bundles/bundle-store.ts'
import { findProject, type Project } from '../bundles/project.ts'
import { type BundleWarning, warningText } from '../bundles/warnings.ts'
import { explanationText } from '../bundles/why.ts'
import { isProfileName, parseCustomProfile } from '../capabilities/profiles.ts'
import type { Runtime } from '../capabilities/runtime.ts'
import { FunctionError } from '../errors.ts'
import { JsonError } from '../lib/json.ts'
import { MAX_SMALL_FILE_BYTES, readSmallFile, TooLarge } from '../lib/small-file.ts'
import { DEFAULT_PROJECT } from '../metadata/records.ts'
import { parseDuration, parseSize } from '../units.ts'
import type { ServiceClient } from './client.ts'
import type { Command } from './command.ts'
import { printable } from './errors.ts'
import { change } from './offline.ts'

/** `worker.runtime` does not apply here: a deployment without a runtime gets the sandboxed engine. */
const DEFAULT_RUNTIME = 'quickjs-ng'

/** The flag of each setting, for its errors. */
const FLAGS = {
  version: '--version',
  handler: '--handler',
  maxMemory: '--memory',
  maxCpu: '--cpu',
  timeoutMs: '--timeout',
  maxWorkers: '--max-workers',
  concurrency: '--concurrency',
}

type Options = Readonly<Record<string, unknown>>

export const deploy: Command = {
  name: 'deploy',
  args: '<name> <file>',
  summary: 'Bundle a TypeScript file and make it the active version of a function',
  examples: [
    'deploy hello-world examples/hello-world.ts',
    'deploy api ./api.ts --version v2 --memory 64MB --timeout 5s --cpu 500ms',
    'deploy trusted ./job.ts --profile permissive --runtime bun',
    'deploy counter ./counter.ts --no-retry',
    'deploy api packages/api/src/index.ts --root .',
    'deploy api ./api.ts --why zod',
  ],
  options: [
    {
      flags: '--version <version>',
      help: 'name of the version (default: the next of v1, v2 and so on)',
    },
    {
      flags: '--profile <profile>',
      help: 'strict, permissive, or the path of a JSON file (default: strict)',
    },
    { flags: '--runtime <runtime>', help: 'quickjs-ng or bun (default: quickjs-ng)' },
    {
      flags: '--root <dir>',
      help: 'folder that no import may leave (default: the workspace of npm, pnpm, yarn or bun; else the repository; else the folder of the nearest package.json)',
    },
    {
      flags: '--handler <export>',
      help: 'name of the export that handles requests (default: default)',
    },
    {
      flags: '--memory <size>',
      help: 'memory limit of a worker, such as 64MB, at most that of the profile',
    },
    {
      flags: '--cpu <duration>',
      help: 'CPU time limit of a request, such as 500ms, at most that of the profile',
    },
    {
      flags: '--timeout <duration>',
      help: 'maximum time from a request to its response, such as 5s',
    },
    { flags: '--max-workers <number>', help: 'maximum number of workers (default: 10)' },
    {
      flags: '--concurrency <number>',
      help: 'requests that a worker handles at the same time (default: 32; bun: 1)',
    },
    { flags: '--expose-errors', help: 'show clients the error message when the function fails' },
    {
      flags: '--no-retry',
      help: 'never run a request again, in another worker, when its worker was lost',
    },
    {
      flags: '--why <package>',
      help: 'show which files of a package would be bundled, and why; nothing is deployed',
    },
  ],
  async run({ io, json, loaded, print }, [given = '', file = ''], options) {
    const name = checked(functionNameSchema, given, 'name')
    const settings = readSettings(options)
    const { runtime, capabilities } = resolveSettings(settings, DEFAULT_RUNTIME, FLAGS).settings
    const { root } = options
    const project = findProject(file, typeof root === 'string' ? root : undefined)
    try {
      const { warnings, explain, ...bundle } = await buildBundle(project, runtime, capabilities)
      if (typeof options.why === 'string') {
        const explanation = explain(options.why)
        await print(explanation, () => `${printable(explanationText(explanation))}\n`)
        return
      }
      if (!json) {
        await io.stderr(warnings.map(describeWarning).join(''))
      }
      const document = await change(
        loaded,
        (client) => deployOnline(client, name, settings, bundle),
        (operations) => operations.deploy(name, settings, bundle),
        { creates: true },
      )
      await print({ ...document, warnings }, () => describe(document))
    } catch (error) {
      throw atEntry(project, error)
    }
  },
}

function describeWarning(warning: BundleWarning): string {
  return `${printable(`warning: ${warningText(warning)}`)}\n`
}

/**
 * Points an error without a position, such as a missing handler or an endless loop, at the default
 * export.
 */
function atEntry({ root, entry }: Project, error: unknown): unknown {
  const refused = error instanceof FunctionError && error.code === 'BUNDLE_REFUSED'
  if (!refused || error.position !== undefined) {
    return error
  }
  const before = readFileSync(entry, 'utf8').split(/^\s*export\s+default\b/m)
  const line = before.length > 1 ? (before[0] ?? '').split('\n').length : 1
  return new FunctionError(error.code, error.message, {
    cause: error,
    position: { file: relative(root, entry), line, column: 1 },
  })
}

function readSettings(options: Options): DeploySettings {
  const { version, handler } = options
  const maxMemory = read(options, 'memory', parseSize, 'a size such as 64MB')
  const maxCpu = read(options, 'cpu', parseDuration, 'a duration such as 500ms')
  const timeoutMs = read(options, 'timeout', parseDuration, 'a duration such as 5s')
  const maxWorkers = read(options, 'maxWorkers', parseCount, 'a whole number above 0')
  const concurrency = read(options, 'concurrency', parseCount, 'a whole number above 0')
  return {
    ...(typeof version === 'string' && { version }),
    ...(typeof handler === 'string' && { handler }),
    runtime: readRuntime(options.runtime),
    ...readProfile(options.profile),
    ...(maxMemory !== undefined && { maxMemory }),
    ...(maxCpu !== undefined && { maxCpu }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(maxWorkers !== undefined && { maxWorkers }),
    ...(concurrency !== undefined && { concurrency }),
    exposeErrors: options.exposeErrors === true,
    ...(options.retry === false && { retry: false }),
  }
}

function read(
  options: Options,
  name: string,
  parse: (text: string) => number | undefined,
  what: string,
): number | undefined {
  const text = options[name]
  if (typeof text !== 'string') {
    return undefined
  }
  const value = parse(text)
  if (value === undefined || value === 0) {
    const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    throw new FunctionError('BAD_REQUEST', `--${flag} must be ${what}, not '${text}'.`)
  }
  return value
}

function parseCount(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined
}

function readRuntime(value: unknown): Runtime {
  const runtime = value ?? DEFAULT_RUNTIME
  if (runtime !== 'quickjs-ng' && runtime !== 'bun') {
    throw new FunctionError(
      'BAD_REQUEST',
      `Unknown runtime '${value}': --runtime must be quickjs-ng or bun.`,
    )
  }
  return runtime
}

function readProfile(value: unknown): Pick<DeploySettings, 'profile' | 'customProfile'> {
  const name = typeof value === 'string' ? value : 'strict'
  if (isProfileName(name)) {
    return { profile: name }
  }
  const customProfile = readProfileFile(name)
  try {
    parseCustomProfile(customProfile, DEFAULT_PROJECT)
  } catch (cause) {
    const { message: what, cause: fault } = cause as Error
    const message = `${name} is not a valid profile: ${what}.`
    const position = fault instanceof JsonError && { position: { file: name, ...placeOf(fault) } }
    throw new FunctionError('BAD_REQUEST', message, { cause, ...position })
  }
  return { profile: 'custom', customProfile }
}

function placeOf({ line, column }: JsonError) {
  return { line, column }
}

function readProfileFile(path: string): string {
  try {
    return readSmallFile(path)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const why =
      code === 'ENOENT'
        ? 'does not exist'
        : cause instanceof TooLarge
          ? `is larger than ${MAX_SMALL_FILE_BYTES} bytes`
          : `cannot be read (${code})`
    const message = `Profile '${path}' ${why}: --profile must be strict, permissive, or the path of a JSON file.`
    throw new FunctionError('BAD_REQUEST', message, { cause })
  }
}

function deployOnline(
  client: ServiceClient,
  name: string,
  settings: DeploySettings,
  bundle: Bundle,
): Promise<DeployDocument> {
  const form = new FormData()
  form.set('settings', JSON.stringify(settings))
  form.set('bundle', new Blob([bundle.code.slice()]), 'bundle.js')
  form.set('map', new Blob([bundle.map.slice()]), 'bundle.js.map')
  const path = `/v1/functions/${name}/versions`
  return client.request(deployDocumentSchema, path, { method: 'POST', body: form })
}

function describe({ function: name, version, runtime, profile, size, live }: DeployDocument) {
  const where = live ? 'live now' : 'not live now'
  return `${name} ${version}: ${runtime}, ${profile} profile, ${size} bytes, ${where}\n`
}
