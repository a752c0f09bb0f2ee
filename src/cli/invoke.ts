import { errorOf } from '../admin/problem.ts'
import { checked, functionNameSchema } from '../admin/settings.ts'
import { FunctionError } from '../errors.ts'
import { pathMount } from '../gateway/target.ts'
import { DEFAULT_PROJECT } from '../metadata/records.ts'
import { readServiceFile } from '../service/service-file.ts'
import { findService, notRunning } from './client.ts'
import type { Command } from './command.ts'

type Options = Readonly<Record<string, unknown>>

/** The document that `--json` prints. */
interface InvokeDocument {
  status: number
  /** One string per name, except that `set-cookie` is a list. */
  headers: Record<string, string | string[]>
  body: string
  /** Set if the body is not UTF-8 text. */
  bodyEncoding?: 'base64'
  timing: { queueMs: number; initMs: number; execMs: number }
}

export const invoke: Command = {
  name: 'invoke',
  args: '<name> [path]',
  localOnly: true,
  summary: 'Send a request to a function of the running service and print its response',
  examples: [
    "invoke hello-world '/?name=Alice'",
    "invoke api /items -X POST -H 'content-type: application/json' -d '{\"a\":1}'",
  ],
  options: [
    { flags: '-X, --request <method>', help: 'request method (default: GET, or POST with --data)' },
    { flags: '-H, --header <header...>', help: "request header, 'name: value'; may be repeated" },
    { flags: '-d, --data <body>', help: 'request body' },
  ],
  async run({ io, loaded, project, json }, [given = '', path = '/'], options) {
    const name = checked(functionNameSchema, given, 'name')
    const request = buildRequest(options)
    if ((io.env.FUNCTIONS_URL ?? '') !== '') {
      const message =
        "'invoke' is for the service of this machine: send the request to the function's public URL, or unset FUNCTIONS_URL."
      throw new FunctionError('BAD_REQUEST', message)
    }
    if ((await findService(loaded)) === undefined) {
      throw notRunning(loaded)
    }
    const service = readServiceFile(loaded.config.server.dataDir)
    if (service === undefined) {
      const message = `The service could not write service.json when it started, so its address is not known: free space in ${loaded.config.server.dataDir} and restart it.`
      throw new FunctionError('NOT_RUNNING', message)
    }
    if (!loaded.config.routing.paths) {
      const message =
        "'invoke' uses the paths of functions, which routing.paths turns off: send the request to a host of the function. 'functions route list' lists hosts."
      throw new FunctionError('BAD_REQUEST', message)
    }
    const response = await send(functionUrl(service.url, project, name, path), request)
    const body = await response.bytes()
    // An error of the platform is a failure of the command; an error status from the function is not.
    const error = response.ok ? undefined : platformError(response, body)
    if (error !== undefined) {
      throw error
    }
    await io.stdout(json ? `${JSON.stringify(describe(response, body))}\n` : asText(body))
  },
}

function buildRequest(options: Options): RequestInit {
  const headers = new Headers()
  for (const line of (options.header as string[] | undefined) ?? []) {
    const [, name, value] = /^([^:]+):\s*(.*)$/.exec(line) ?? []
    try {
      headers.append(name ?? '', value ?? '')
    } catch (cause) {
      throw new FunctionError(
        'BAD_REQUEST',
        `-H must be a header in the form 'name: value', not '${line}'.`,
        { cause },
      )
    }
  }
  const body = options.data as string | undefined
  const method = (options.request as string | undefined) ?? (body === undefined ? 'GET' : 'POST')
  if (!/^[A-Za-z]{1,20}$/.test(method)) {
    throw new FunctionError(
      'BAD_REQUEST',
      `-X must be an HTTP method such as POST, not '${method}'.`,
    )
  }
  if (body !== undefined && /^(get|head)$/i.test(method)) {
    throw new FunctionError(
      'BAD_REQUEST',
      `A ${method} request cannot have a body: remove -d, or set another method with -X.`,
    )
  }
  return { method, headers, ...(body !== undefined && { body }), redirect: 'manual' }
}

/** @throws {FunctionError} BAD_REQUEST for a path that would lead to another function */
function functionUrl(base: string, project: string, name: string, path: string): URL {
  const { prefix } = pathMount(name, project === DEFAULT_PROJECT ? undefined : project)
  const url = new URL(`${prefix}${/^[/?]/.test(path) ? '' : '/'}${path}`, base)
  if (url.pathname !== prefix && !url.pathname.startsWith(`${prefix}/`)) {
    const message = `The path '${path}' leaves the URL of function '${name}', ${prefix}: give a path below it.`
    throw new FunctionError('BAD_REQUEST', message)
  }
  return url
}

async function send(url: URL, request: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...request, timeout: false } as RequestInit)
  } catch (cause) {
    const message = `The service at ${url.origin} closed the connection before it responded: check its log.`
    throw new FunctionError('NOT_RUNNING', message, { cause })
  }
}

function platformError(response: Response, body: Uint8Array): FunctionError | undefined {
  const isProblem = response.headers.get('content-type')?.startsWith('application/problem+json')
  return isProblem ? errorOf(new TextDecoder().decode(body)) : undefined
}

function describe(response: Response, bytes: Uint8Array): InvokeDocument {
  const headers: InvokeDocument['headers'] = Object.fromEntries(response.headers)
  const cookies = response.headers.getSetCookie()
  if (cookies.length > 0) {
    headers['set-cookie'] = cookies
  }
  const text = asText(bytes)
  const body =
    typeof text === 'string'
      ? { body: text }
      : { body: Buffer.from(bytes).toString('base64'), bodyEncoding: 'base64' as const }
  const timing = response.headers.get('server-timing') ?? ''
  // The platform's entries come last: a function may have added entries with the same names.
  const ms = (part: string) =>
    Number([...timing.matchAll(new RegExp(`\\b${part};dur=([\\d.]+)`, 'g'))].at(-1)?.[1] ?? 0)
  return {
    status: response.status,
    headers,
    ...body,
    timing: { queueMs: ms('queue'), initMs: ms('init'), execMs: ms('exec') },
  }
}

/** The body as text, or unchanged if it is not UTF-8. */
function asText(bytes: Uint8Array): string | Uint8Array {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return bytes
  }
}
