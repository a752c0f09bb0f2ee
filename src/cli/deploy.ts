import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { type DeployDocument, deployDocumentSchema } from '../admin/documents.ts'
import { projectDocumentSchema } from '../admin/project-routes.ts'
import { type DeploySettings, type ProjectOfSettings, resolveSettings } from '../admin/settings.ts'
import { buildBundle } from '../bundles/build.ts'
import { type Bundle, sha256 } from '../bundles/bundle-store.ts'
import { findProject, type Project } from '../bundles/project.ts'
import { type BundleWarning, warningText } from '../bundles/warnings.ts'
import { explanationText } from '../bundles/why.ts'
import type { Runtime } from '../capabilities/runtime.ts'
import { capabilitiesSchema } from '../capabilities/schema.ts'
import { FunctionError } from '../errors.ts'
import { parseDuration, parseSize } from '../units.ts'
import type { ApiClient } from './client.ts'
import type { Command } from './command.ts'
import { readProfile } from './deploy-profile.ts'
import { printable } from './errors.ts'
import { changeApi, readApi } from './offline.ts'
import { functionPath, projectPath } from './paths.ts'

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
      help: 'strict, permissive, or the path of a JSON file (default: that of the project, else strict)',
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
  async run({ io, json, loaded, project, print }, [name = '', file = ''], options) {
    const path = functionPath(project, name)
    const settings = readSettings(options, project)
    const ceiling = await readApi(loaded, (client) => profileOf(client, project))
    const resolved = resolveSettings(settings, DEFAULT_RUNTIME, FLAGS, ceiling)
    const { runtime, capabilities } = resolved.settings
    const { root } = options
    const source = findProject(file, typeof root === 'string' ? root : undefined)
    try {
      const { warnings, explain, ...bundle } = await buildBundle(source, runtime, capabilities)
      if (typeof options.why === 'string') {
        const explanation = explain(options.why)
        await print(explanation, () => `${printable(explanationText(explanation))}\n`)
        return
      }
      if (!json) {
        await io.stderr(warnings.map(describeWarning).join(''))
      }
      const document = await changeApi(loaded, (client) => upload(client, path, settings, bundle), {
        creates: true,
      })
      await print({ ...document, warnings }, () => describe(document))
    } catch (error) {
      throw atEntry(source, error)
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

/** What the project gives to the settings of its functions. */
async function profileOf(client: ApiClient, name: string): Promise<ProjectOfSettings> {
  const { profile, capabilities } = await client.request(projectDocumentSchema, projectPath(name))
  if (profile === null || capabilities === null) return { name, profile: undefined }
  return { name, profile: { name: profile, capabilities: capabilitiesSchema.parse(capabilities) } }
}

function readSettings(options: Options, project: string): DeploySettings {
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
    ...readProfile(options.profile, project),
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

function upload(
  client: ApiClient,
  path: string,
  settings: DeploySettings,
  bundle: Bundle,
): Promise<DeployDocument> {
  const form = new FormData()
  form.set('settings', JSON.stringify(settings))
  form.set('bundle', new Blob([bundle.code.slice()]), 'bundle.js')
  form.set('sha256', sha256(bundle.code))
  form.set('map', new Blob([bundle.map.slice()]), 'bundle.js.map')
  return client.request(deployDocumentSchema, `${path}/versions`, { method: 'POST', body: form })
}

function describe({ function: name, version, runtime, profile, size, live }: DeployDocument) {
  const where = live ? 'live now' : 'not live now'
  return `${name} ${version}: ${runtime}, ${profile} profile, ${size} bytes, ${where}\n`
}
