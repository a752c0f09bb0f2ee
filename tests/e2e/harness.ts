/** Runs the real executable on a separate data directory, as a user would. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { openTestDatabase } from '../../src/testing/open-database.ts'

export const ROOT = resolve(import.meta.dir, '../..')
/** The executable under test; `FUNCTIONS_EXECUTABLE` names another one, such as an older build. */
export const EXECUTABLE = resolve(process.env.FUNCTIONS_EXECUTABLE ?? join(ROOT, 'functions'))

export interface CommandResult {
  exitCode: number
  stdout: string
  stderr: string
}

/** The environment of a test: nothing of the caller's settings for this product. */
function cleanEnvironment(extra: Record<string, string> = {}): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('FUNCTIONS_'))
  return { ...(Object.fromEntries(kept) as Record<string, string>), ...extra }
}

/** Runs one command of the executable to its end. */
export async function run(
  args: string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<CommandResult> {
  const child = Bun.spawn([EXECUTABLE, ...args], {
    cwd: options.cwd ?? ROOT,
    env: cleanEnvironment(options.env),
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { exitCode, stdout, stderr }
}

/** A project folder and a data directory that go when the test is over. */
export class Workspace {
  readonly dir = mkdtempSync(join(tmpdir(), 'functions-e2e-'))
  readonly dataDir = join(this.dir, 'data')
  /** Further variables of a service. */
  readonly environment: Record<string, string> = {}

  constructor() {
    writeFileSync(join(this.dir, 'package.json'), '{"name":"tenant","private":true}')
  }

  /** Writes a tenant's source file and returns its path. */
  source(name: string, text: string): string {
    const path = join(this.dir, name)
    writeFileSync(path, text)
    return path
  }

  command(...args: string[]): Promise<CommandResult> {
    return run([...args, '--data-dir', this.dataDir], { cwd: this.dir })
  }

  /** Deploys a function from source text; fails loudly. */
  async deploy(name: string, text: string, ...flags: string[]): Promise<void> {
    const file = this.source(`${name}.ts`, text)
    const result = await this.command('deploy', name, file, ...flags)
    if (result.exitCode !== 0) {
      throw new Error(`deploy ${name} failed: ${result.stderr}`)
    }
  }

  /** Copies of a deployed function under other names, as rows and bundle files of the data directory. */
  cloneFunction(name: string, copies: string[]): void {
    this.#clone(
      name,
      copies.map((copy) => ({ name: copy, id: `func-${copy}` })),
    )
  }

  /** A copy of a deployed function in each of the projects, which are made. */
  cloneIntoProjects(name: string, projects: string[]): void {
    const db = openTestDatabase(join(this.dataDir, 'metadata.db'))
    const insert = db.query(
      "INSERT INTO projects (name, state, created_at, updated_at) VALUES (?, 'active', '', '')",
    )
    db.transaction(() => {
      for (const project of projects) insert.run(project)
    })()
    db.close()
    this.#clone(
      name,
      projects.map((project) => ({ name, project, id: `func-${project}.${name}` })),
    )
  }

  #clone(name: string, copies: { name: string; project?: string; id: string }[]): void {
    const db = openTestDatabase(join(this.dataDir, 'metadata.db'))
    const copyRow = (table: string, id: string, changes: Record<string, string>) => {
      const row = db.query(`SELECT * FROM ${table} WHERE id = ?`).get(id) as Record<string, unknown>
      const next = { ...row, ...changes }
      const columns = Object.keys(next)
      const marks = columns.map(() => '?').join(',')
      const sql = `INSERT INTO ${table} (${columns.join(',')}) VALUES (${marks})`
      db.query(sql).run(...(Object.values(next) as string[]))
    }
    const source = db.query('SELECT id, active_version_id FROM functions WHERE name = ?').get(name)
    const { id, active_version_id } = source as { id: string; active_version_id: string }
    db.transaction(() => {
      db.run('PRAGMA defer_foreign_keys = ON')
      for (const copy of copies) {
        const versionId = `version-${copy.id}`
        copyRow('function_versions', active_version_id, { id: versionId, function_id: copy.id })
        copyRow('functions', id, { ...copy, active_version_id: versionId })
      }
    })()
    db.close()
  }

  async serve(...flags: string[]): Promise<Service> {
    return await Service.start(this, flags)
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true })
  }
}

/** One running `functions serve`. */
export class Service {
  readonly url: string
  readonly process: Bun.Subprocess<'ignore', 'pipe', 'pipe'>
  readonly workspace: Workspace
  readonly #log: { text: string }

  private constructor(
    workspace: Workspace,
    child: Bun.Subprocess<'ignore', 'pipe', 'pipe'>,
    url: string,
    log: { text: string },
  ) {
    this.workspace = workspace
    this.process = child
    this.url = url
    this.#log = log
  }

  static async start(workspace: Workspace, flags: string[]): Promise<Service> {
    const child = Bun.spawn(
      [EXECUTABLE, 'serve', '--port', '0', '--data-dir', workspace.dataDir, ...flags],
      {
        cwd: workspace.dir,
        env: { ...cleanEnvironment(), ...workspace.environment },
        stdin: 'ignore',
        stdout: 'pipe',
        stderr: 'pipe',
      },
    )
    const log = { text: '' }
    const gathered = gather(child.stderr, log)
    const url = await listeningUrl(child.stdout)
    if (url === undefined) {
      await gathered
      throw new Error(`serve did not start (exit ${await child.exited}): ${log.text}`)
    }
    return new Service(workspace, child, url, log)
  }

  get log(): string {
    return this.#log.text
  }

  get port(): number {
    return Number(new URL(this.url).port)
  }

  fetch(path: string, init?: RequestInit): Promise<Response> {
    return fetch(`${this.url}${path}`, init)
  }

  /** The text of /metrics, which the management socket has. */
  async metrics(): Promise<string> {
    const unix = join(this.workspace.dataDir, 'functions.sock')
    return await (await fetch('http://functions/metrics', { unix })).text()
  }

  async workers(): Promise<WorkerRow[]> {
    const result = await this.workspace.command('workers', '--json')
    if (result.exitCode !== 0) {
      throw new Error(`workers failed: ${result.stderr}`)
    }
    return JSON.parse(result.stdout)
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number> {
    this.process.kill(signal)
    return await this.process.exited
  }
}

/** Stops the process that is the service of a data directory by now: after a restart it is another one. */
export async function stopNow({ dataDir }: Workspace): Promise<void> {
  const { pid } = JSON.parse(readFileSync(join(dataDir, 'service.json'), 'utf8')) as { pid: number }
  process.kill(pid, 'SIGTERM')
  while (alive(pid)) await Bun.sleep(20)
}

export interface WorkerRow {
  pid: number
  function: string
  version: string
  runtime: string
  state: string
  invocations: number
  startedAt: string
  residentBytes: number
  layers: string[]
}

/** The problem document of a failed request. */
export interface Problem {
  status: number
  code: string
  requestId: string
  detail?: string
}

/** Reads a problem document and checks that it is one. */
export async function problem(response: Response): Promise<Problem> {
  const type = response.headers.get('content-type') ?? ''
  const text = await response.text()
  if (!type.startsWith('application/problem+json')) {
    throw new Error(`not a problem document: ${response.status} ${type} ${text.slice(0, 200)}`)
  }
  return JSON.parse(text)
}

/** Every process below `pid`, deepest last. */
export function descendants(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .split(' ')
      .filter(Boolean)
      .map(Number)
    return children.flatMap((child) => [child, ...descendants(child)])
  } catch {
    return []
  }
}

/** Is the process there and not a zombie? */
export function alive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** The parent of a process. */
export function parentOf(pid: number): number {
  const match = /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(match?.[1])
}

/** Sends bytes as they are and returns all that comes back until the peer closes or `waitMs` passed. */
export async function rawRequest(port: number, bytes: string | Uint8Array, waitMs = 1_000) {
  let answer = ''
  const closed = Promise.withResolvers<void>()
  const socket = await Bun.connect({
    hostname: '127.0.0.1',
    port,
    socket: {
      data(_, chunk) {
        answer += Buffer.from(chunk).toString('latin1')
      },
      close: () => closed.resolve(),
      error: () => closed.resolve(),
    },
  })
  socket.write(bytes)
  socket.flush()
  await Promise.race([closed.promise, Bun.sleep(waitMs)])
  socket.end()
  return answer
}

async function gather(stream: ReadableStream<Uint8Array>, log: { text: string }): Promise<void> {
  const decoder = new TextDecoder()
  for await (const chunk of stream) {
    log.text += decoder.decode(chunk, { stream: true })
  }
}

async function listeningUrl(stream: ReadableStream<Uint8Array>): Promise<string | undefined> {
  const reader = stream.getReader()
  const decoder = new TextDecoder()
  let text = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) {
      return undefined
    }
    text += decoder.decode(value, { stream: true })
    const match = /^listening on (http:\/\/\S+)\n/.exec(text)
    if (match?.[1] !== undefined) {
      reader.releaseLock()
      return match[1]
    }
  }
}
