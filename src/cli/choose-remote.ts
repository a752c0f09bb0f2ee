/** Which service on another machine a command is for: URL and token from flags, the environment or a profile. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { readConfigFile } from '../config/file.ts'
import { FunctionError } from '../errors.ts'
import { readSmallFile } from '../lib/small-file.ts'
import type { Io } from './command.ts'
import type { Remote } from './remote.ts'

/** What a command knows of its service before it asks. */
export interface RemoteChoice {
  remote: Remote | undefined
  /** The project of the profile. */
  project: string | undefined
}

interface Profile {
  url?: string | undefined
  token?: string | undefined
  project?: string | undefined
}

type Options = Readonly<Record<string, unknown>>

export const REMOTE_OPTIONS = [
  {
    flags: '--url <url>',
    help: 'management API of a service on another machine (FUNCTIONS_URL)',
  },
  {
    flags: '--token <text>',
    help: 'token for it; other users can read it: prefer --token-file or FUNCTIONS_TOKEN',
  },
  { flags: '--token-file <file>', help: 'file with the token' },
  { flags: '--as <profile>', help: 'url and token of ~/.config/functions/config.toml' },
  { flags: '--allow-http', help: 'send the token without TLS to another machine' },
]

/** Group and others. */
const NOT_OWNER = 0o077
const TOKEN = /^[\x21-\x7e]{1,256}$/
const PROFILE_KEYS = ['url', 'token', 'token_file', 'project']
/** Where distributions keep the certificates of authorities, in one file. */
const AUTHORITIES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
]

/**
 * Finds the service that a command is for: a flag overrides the environment, that the profile. Without a URL it is the
 * one of the data directory, as it is where the command names that.
 *
 * @throws {FunctionError} BAD_REQUEST, CONFIG_INVALID
 */
export async function chooseRemote(options: Options, io: Io): Promise<RemoteChoice> {
  const { url: urlFlag, as } = options
  const local = options.dataDir !== undefined || options.socket !== undefined
  if (local && (urlFlag !== undefined || as !== undefined))
    throw new FunctionError(
      'BAD_REQUEST',
      '--url and --as are for a service on another machine, --data-dir and --socket for one on this machine: use one of them.',
    )
  if (local) return { remote: undefined, project: undefined }
  const profile = typeof as === 'string' ? readProfileNamed(as, io) : undefined
  const given = text(urlFlag) ?? text(io.env.FUNCTIONS_URL)
  const url = given ?? profile?.url
  const project = profile?.project
  if (url === undefined) {
    if (profile !== undefined) throw invalid(`The profile '${as}' has no url.`)
    refuseWithoutUrl(options)
    return { remote: undefined, project }
  }
  const fromFlag = await tokenOfFlags(options, io)
  // The token of a profile is for the service of the profile.
  const ofProfile = given === undefined ? profile?.token : undefined
  const token = fromFlag ?? text(io.env.FUNCTIONS_TOKEN) ?? ofProfile
  if (token === undefined)
    throw new FunctionError(
      'BAD_REQUEST',
      'A service on another machine needs a token: set FUNCTIONS_TOKEN or --token-file.',
    )
  if (!TOKEN.test(token.trim()))
    throw new FunctionError('BAD_REQUEST', 'The token has characters that no token has.')
  const ca = authorities(io.env)
  return { remote: { url: checkUrl(url, options), token: token.trim(), ca }, project }
}

function refuseWithoutUrl({ token, tokenFile, allowHttp }: Options): void {
  if (token === undefined && tokenFile === undefined && allowHttp === undefined) return
  const message =
    '--token, --token-file and --allow-http need a service on another machine: name it with --url, FUNCTIONS_URL or --as.'
  throw new FunctionError('BAD_REQUEST', message)
}

async function tokenOfFlags({ token, tokenFile }: Options, io: Io): Promise<string | undefined> {
  if (typeof tokenFile === 'string') return readTokenFile(tokenFile)
  if (typeof token !== 'string') return undefined
  await io.stderr(
    'warning: other users of this machine can read the token of --token while the command runs: use --token-file or FUNCTIONS_TOKEN.\n',
  )
  return token
}

function readTokenFile(path: string): string {
  try {
    return readSmallFile(path)
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    throw new FunctionError(
      'BAD_REQUEST',
      `The token file ${path} cannot be read (${code ?? message}).`,
      { cause },
    )
  }
}

/** @throws {FunctionError} BAD_REQUEST */
function checkUrl(text: string, { allowHttp }: Options): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const plain = url?.protocol === 'http:'
  if (url === undefined || (!plain && url.protocol !== 'https:'))
    throw new FunctionError(
      'BAD_REQUEST',
      `The URL of the service must be one such as https://functions.example.com:9443, not '${text}'.`,
    )
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    throw new FunctionError(
      'BAD_REQUEST',
      'The URL of the service has a user, a query or a fragment: leave them out.',
    )
  if (plain && !isLoopback(url.hostname) && allowHttp !== true)
    throw new FunctionError(
      'BAD_REQUEST',
      `${url.origin} has no TLS, so everyone on the way could read the token: use https, or --allow-http in a network that you trust.`,
    )
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '')
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname)
}

/** @throws {FunctionError} CONFIG_INVALID */
function readProfileNamed(name: string, { env }: Io): Profile {
  const path = join(env.HOME ?? homedir(), '.config', 'functions', 'config.toml')
  const mode = statSync(path, { throwIfNoEntry: false })?.mode
  if (mode === undefined) throw invalid(`--as: there is no file ${path} with profiles.`)
  if ((mode & NOT_OWNER) !== 0)
    throw invalid(
      `Other users may read ${path}, which is for tokens: run 'chmod 600 ${path}', and revoke the tokens if someone may have read them.`,
    )
  const profiles = new Map<string, Map<string, string>>()
  for (const { key, value, line } of readConfigFile(path) ?? []) {
    const dot = key.lastIndexOf('.')
    const field = key.slice(dot + 1)
    if (dot < 1 || !PROFILE_KEYS.includes(field) || typeof value !== 'string')
      throw invalid(
        `${path}:${line}: a profile has url, token or token_file, and project, which are strings.`,
      )
    const section = key.slice(0, dot)
    const fields = profiles.get(section) ?? new Map<string, string>()
    profiles.set(section, fields.set(field, value))
  }
  const found = profiles.get(name)
  if (found === undefined) {
    const names = [...profiles.keys()].join(', ') || 'none'
    throw invalid(`${path} has no profile '${name}': it has ${names}.`)
  }
  const file = found.get('token_file')
  const token = file === undefined ? found.get('token') : readTokenFile(absolute(file, env))
  return { url: found.get('url'), token, project: found.get('project') }
}

function absolute(path: string, env: Io['env']): string {
  return path.startsWith('~/') ? join(env.HOME ?? homedir(), path.slice(2)) : path
}

function invalid(message: string): FunctionError {
  return new FunctionError('CONFIG_INVALID', message)
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** The system's certificate authorities and those of NODE_EXTRA_CA_CERTS; undefined: those of the runtime. */
function authorities(env: Io['env']): string[] | undefined {
  const system = AUTHORITIES.find((path) => existsSync(path))
  if (system === undefined) return undefined
  const extra = text(env.NODE_EXTRA_CA_CERTS)
  const texts = [readFileSync(system, 'utf8')]
  if (extra !== undefined && existsSync(extra)) texts.push(readFileSync(extra, 'utf8'))
  return texts
}
