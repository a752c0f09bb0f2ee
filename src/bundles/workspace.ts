/**
 * Finds the folder that the imports of a function may not leave: the workspace of npm, pnpm, yarn or
 * bun, else the repository, else the folder of the nearest package.json.
 *
 * Anyone who can write into a folder above the source could widen the root by a file there. So a folder
 * that every user may write to, such as /tmp, is not the root, and neither are the home directory
 * and `/`, where a repository of settings files may lie. `--root` names any of them.
 */
import { existsSync, realpathSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { FunctionError } from '../errors.ts'
import { readSmallFile } from '../lib/small-file.ts'

/** Workspace files are small; a larger one is not read. */
const MAX_FILE_BYTES = 2 ** 20
/** Patterns of one workspace; more are an error. */
const MAX_PATTERNS = 10_000

const OTHERS_WRITE = 0o002
/** Set on /tmp and its like. */
const STICKY = 0o1000

export interface Root {
  path: string
  /** What made it the root, for messages. */
  reason: string
}

/**
 * @param directory of the entry, absolute and free of symbolic links
 * @throws {FunctionError} BAD_REQUEST if a file that may define a workspace cannot be understood
 */
export function findRoot(directory: string): Root {
  const above = ancestors(directory)
  const hasPackage = (each: string) => existsSync(join(each, 'package.json'))
  const own = above.find((each) => mayBeRoot(each) && hasPackage(each)) ?? directory
  const candidates = above.filter((each) => each.length <= own.length && mayBeRoot(each))
  const repository = candidates.find((each) => existsSync(join(each, '.git')))
  for (const path of candidates) {
    // What is broken above the repository is not this project's.
    const strict = repository === undefined || path.length >= repository.length
    const patterns = workspacePatterns(path, strict)
    if (patterns === undefined) continue
    if (path === own || isMember(relative(path, own), patterns)) {
      return { path, reason: 'the root of the workspace' }
    }
  }
  if (repository !== undefined) return { path: repository, reason: 'the root of the repository' }
  if (hasPackage(own)) {
    return { path: own, reason: 'the folder of the nearest package.json' }
  }
  return { path: own, reason: 'the folder of the file' }
}

/** Does it hold no more than a project, and is it not shared by the users of the machine? */
export function mayBeRoot(directory: string): boolean {
  if (directory === '/' || isHome(directory)) return false
  const stat = statSync(directory, { throwIfNoEntry: false })
  if (stat === undefined) return false
  if ((stat.mode & OTHERS_WRITE) === 0) return true
  // A mounted folder of another system has all rights.
  return (stat.mode & STICKY) === 0 && stat.uid === process.geteuid?.()
}

function isHome(directory: string): boolean {
  try {
    // It throws for a user without an account, as in many containers.
    return realpathSync(process.env.HOME || homedir()) === directory
  } catch {
    return false
  }
}

/** The directory and those above it, the nearest first. */
function ancestors(directory: string): string[] {
  const parent = dirname(directory)
  return parent === directory ? [directory] : [directory, ...ancestors(parent)]
}

/** The patterns of a workspace's members; undefined if the directory is not the root of one. */
function workspacePatterns(directory: string, strict: boolean): string[] | undefined {
  const pnpm = read(join(directory, 'pnpm-workspace.yaml'), Bun.YAML.parse, strict)
  // pnpm ignores the field `workspaces` of package.json.
  if (pnpm !== undefined) return patternsOf(pnpm, 'packages') ?? []
  const json = read(join(directory, 'package.json'), JSON.parse, strict)
  return patternsOf(json, 'workspaces')
}

/** A list, or the list `packages` of an object, as yarn and bun allow for `workspaces`. */
function patternsOf(content: unknown, key: string): string[] | undefined {
  if (!isRecord(content)) return undefined
  const field = content[key]
  const list = isRecord(field) ? field.packages : field
  if (!Array.isArray(list)) return undefined
  return list.slice(0, MAX_PATTERNS).filter((pattern) => typeof pattern === 'string')
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Later patterns override earlier ones; `!` excludes. */
function isMember(path: string, patterns: readonly string[]): boolean {
  let member = false
  for (const pattern of patterns) {
    const excludes = pattern.startsWith('!')
    const glob = pattern.replace(/^!/, '').replace(/^\.?\/+|\/+$/g, '')
    if (new Bun.Glob(glob).match(path)) member = !excludes
  }
  return member
}

/** Undefined if the file does not exist. */
function read(path: string, parse: (text: string) => unknown, strict: boolean): unknown {
  try {
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat === undefined) return undefined
    // A pipe would block, and a huge file is no package.json.
    if (!stat.isFile()) throw new Error('it is not a regular file')
    if (stat.size > MAX_FILE_BYTES) throw new Error(`it is larger than ${MAX_FILE_BYTES} bytes`)
    return parse(readSmallFile(path).replace(/^\uFEFF/, ''))
  } catch (cause) {
    if (!strict) return undefined
    const why = (cause as Error).message
    const message = `${path} cannot be read: ${why}. It decides whether this folder is the root of a workspace: correct it, or name the root with --root.`
    throw new FunctionError('BAD_REQUEST', message, { cause })
  }
}
