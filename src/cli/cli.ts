/** Parses the arguments and runs one command. Exit status: 0 done, 1 failed, 2 wrong usage. */
import { Command as Commander, CommanderError } from 'commander'
import { checked, projectNameSchema } from '../admin/settings.ts'
import { whoamiSchema } from '../admin/token-routes.ts'
import { CONFIG_KEYS, nearest } from '../config/keys.ts'
import { loadConfig } from '../config/load.ts'
import { FunctionError } from '../errors.ts'
import { DEFAULT_PROJECT } from '../metadata/records.ts'
import { reportToPredecessor } from '../service/predecessor.ts'
import { copiedServiceFile } from '../service/service-file.ts'
import { audit } from './audit.ts'
import { backup } from './backup.ts'
import { check } from './check.ts'
import { chooseRemote, REMOTE_OPTIONS } from './choose-remote.ts'
import { needService, type Target } from './client.ts'
import type { Command, CommandContext, Io } from './command.ts'
import { config } from './config.ts'
import { deploy } from './deploy.ts'
import { doctor } from './doctor.ts'
import { envImport, envList, envSet, envUnset } from './env.ts'
import { describeError, errorDocument } from './errors.ts'
import { gc } from './gc.ts'
import { invoke } from './invoke.ts'
import { list } from './list.ts'
import {
  projectCreate,
  projectDelete,
  projectList,
  projectResume,
  projectSet,
  projectShow,
  projectSuspend,
} from './project.ts'
import { remove } from './remove.ts'
import { restart } from './restart.ts'
import { restore } from './restore.ts'
import { rollback } from './rollback.ts'
import { routeAdd, routeList, routeRemove } from './route.ts'
import { secretList, secretRotateKey, secretSet, secretUnset } from './secret.ts'
import { serve } from './serve.ts'
import { set } from './set.ts'
import { show } from './show.ts'
import { tokenCreate, tokenList, tokenRevoke, whoami } from './token.ts'
import { traffic } from './traffic.ts'
import { types } from './types.ts'
import { upgrade } from './upgrade.ts'
import { usage } from './usage.ts'
import { version } from './version.ts'
import { versions } from './versions.ts'
import { workers } from './workers.ts'

const COMMANDS: readonly Command[] = [
  serve,
  deploy,
  list,
  show,
  versions,
  rollback,
  set,
  traffic,
  remove,
  invoke,
  workers,
  projectCreate,
  projectList,
  projectShow,
  projectSet,
  projectSuspend,
  projectResume,
  projectDelete,
  tokenCreate,
  tokenList,
  tokenRevoke,
  whoami,
  usage,
  envList,
  envSet,
  envUnset,
  envImport,
  secretList,
  secretSet,
  secretUnset,
  secretRotateKey,
  routeAdd,
  routeList,
  routeRemove,
  audit,
  gc,
  backup,
  restore,
  check,
  restart,
  upgrade,
  doctor,
  types,
  config,
  version,
]

/** What the first word of commands with two words is for. */
const GROUPS: Readonly<Record<string, string>> = {
  project: 'Manage projects, the tenants of a service',
  token: 'Manage tokens, for which the management API works over TCP',
  env: 'Manage the variables of a function',
  secret: 'Manage the secrets of a function, and the key that encrypts them',
  route: 'Manage routes: hosts and path prefixes that lead to functions',
}

/** The command that `functions` without a command runs. */
const DEFAULT_COMMAND = serve.name

/** Flags that every command takes. */
const GLOBAL_FLAGS = ['data-dir', 'socket']

/**
 * Runs the command that the arguments name.
 *
 * @param argv without the executable
 */
export async function runCli(argv: readonly string[], io: Io): Promise<number> {
  const json = argv.includes('--json')
  try {
    return await parseAndRun(argv, io)
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) {
      return 0
    }
    reportToPredecessor(error)
    const text = json ? JSON.stringify({ error: errorDocument(error) }) : describeError(error)
    await io.stderr(`${text}\n`)
    return isWrongUsage(error) ? 2 : 1
  }
}

function isWrongUsage(error: unknown): boolean {
  return (
    error instanceof CommanderError ||
    (error instanceof FunctionError && error.code === 'BAD_REQUEST')
  )
}

async function parseAndRun(argv: readonly string[], io: Io): Promise<number> {
  refuseUnknownCommand(argv)
  const written: string[] = []
  const program = new Commander('functions')
    .description(
      'Runs TypeScript functions, each isolated from the others in sandboxed worker processes.',
    )
    .helpCommand(false)
    .exitOverride()
    // Commander also throws its errors; they are printed once, in the form of all other errors.
    .configureOutput({ writeOut: (text) => written.push(text), writeErr: () => {} })
  let status = 0
  const groups = new Map<string, Commander>()
  for (const command of COMMANDS) {
    addCommand(parentOf(command, program, groups), command, async (args, options) => {
      const context = await makeContext(io, command, options)
      await reportCopy(context)
      status = (await command.run(context, args, options)) ?? 0
    })
  }
  try {
    await program.parseAsync(argv, { from: 'user' })
  } finally {
    if (written.length > 0) {
      await io.stdout(written.join(''))
    }
  }
  return status
}

function refuseUnknownCommand([first]: readonly string[]): void {
  const names = [...new Set(COMMANDS.map(({ name }) => name.split(' ')[0] as string))]
  if (first === undefined || first.startsWith('-') || names.includes(first)) {
    return
  }
  const near = nearest(first, names)
  const hint =
    near === undefined ? "'functions --help' lists the commands." : `Did you mean '${near}'?`
  throw new FunctionError('BAD_REQUEST', `Unknown command '${first}'. ${hint}`)
}

/** The command of two words, such as `project create`, belongs to a group. */
function parentOf(command: Command, program: Commander, groups: Map<string, Commander>): Commander {
  const [first = '', second] = command.name.split(' ')
  if (second === undefined) return program
  const known = groups.get(first)
  if (known !== undefined) return known
  const summary = GROUPS[first] as string
  const group = program.command(first).summary(summary).description(summary).helpCommand(false)
  groups.set(first, group)
  return group
}

function addCommand(
  program: Commander,
  command: Command,
  run: (args: (string | undefined)[], options: Record<string, unknown>) => Promise<void>,
): void {
  const word = command.name.split(' ').at(-1) as string
  const sub = program
    .command(word, { isDefault: command.name === DEFAULT_COMMAND })
    .summary(command.summary)
    .description(command.summary)
    .allowExcessArguments(false)
    .addHelpText('after', () => {
      const lines = command.examples.map((example) => `  functions ${example}`)
      return `\nExamples:\n${lines.join('\n')}`
    })
  if (command.args !== undefined) {
    sub.arguments(command.args)
  }
  for (const { flags, help } of command.options ?? []) {
    sub.option(flags, help)
  }
  for (const { flag, help, env, schema } of CONFIG_KEYS) {
    if (command.takesSettings || GLOBAL_FLAGS.includes(flag)) {
      const truth = schema.safeParse('true').success && !schema.safeParse('text').success
      sub.option(`--${flag} <${truth ? 'true|false' : 'value'}>`, `${help} (${env})`)
    }
  }
  sub.option(
    '--config <file>',
    'configuration file (FUNCTIONS_CONFIG; default: functions.toml, if it exists)',
  )
  sub.option('--project <name>', 'project of the function (FUNCTIONS_PROJECT; default: default)')
  if (command.localOnly !== true) {
    for (const { flags, help } of REMOTE_OPTIONS) sub.option(flags, help)
  }
  sub.option('--json', 'print the result or the error as one JSON document')
  sub.action(async (...given: unknown[]) => {
    const args = given.slice(0, -2) as (string | undefined)[]
    await run(args, sub.opts())
  })
}

/** A copied data directory names the service of the original, which must not be changed by mistake. */
async function reportCopy({ io, loaded, json }: CommandContext): Promise<void> {
  if (loaded.remote !== undefined) return
  const { dataDir } = loaded.config.server
  const original = copiedServiceFile(dataDir)
  if (original === undefined || json) return
  const text = `note: ${dataDir} is a copy: its service.json is that of a service on another directory (process ${original.pid}), and is ignored.\n`
  await io.stderr(text)
}

async function makeContext(
  io: Io,
  command: Command,
  options: Record<string, unknown>,
): Promise<CommandContext> {
  const flags: Record<string, string> = {}
  // An option of the command's own may have the name of a setting's flag.
  const settings = command.takesSettings ? CONFIG_KEYS.map(({ flag }) => flag) : GLOBAL_FLAGS
  for (const flag of ['config', ...settings]) {
    const value = options[camelCase(flag)]
    if (typeof value === 'string') {
      flags[flag] = value
    }
  }
  const json = options.json === true
  const local = { remote: undefined, project: undefined }
  const choice = command.localOnly ? local : await chooseRemote(options, io)
  const loaded = { ...loadConfig({ flags, env: io.env }), remote: choice.remote }
  const given = projectOf(options.project, io) ?? choice.project
  const project = given ?? (await projectOfToken(loaded)) ?? DEFAULT_PROJECT
  return {
    io,
    loaded,
    project,
    givenProject: given,
    json,
    print: async (document, text) => {
      await io.stdout(json ? `${JSON.stringify(document)}\n` : text())
    },
  }
}

/** The flag, else the environment; undefined without both. */
function projectOf(flag: unknown, { env }: Io): string | undefined {
  const [given, what] =
    flag === undefined ? [env.FUNCTIONS_PROJECT, 'FUNCTIONS_PROJECT'] : [String(flag), '--project']
  return given === undefined || given === '' ? undefined : checked(projectNameSchema, given, what)
}

/** A token of one project makes no sense for another: two variables are enough for a job. */
async function projectOfToken(loaded: Target): Promise<string | undefined> {
  if (loaded.remote === undefined) return undefined
  const client = await needService(loaded)
  return (await client.request(whoamiSchema, '/v1/whoami')).project ?? undefined
}

function camelCase(flag: string): string {
  return flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
