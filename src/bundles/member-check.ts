/** Refuses or warns of the uses of members of Node's modules that a worker lacks. */
import { resolve } from 'node:path'
import { originalPositionFor, TraceMap } from '@jridgewell/trace-mapping'
import type { Problem, SourcePosition } from '../errors.ts'
import { findAbsentMembers, type MemberUse } from './absent-members.ts'
import { readSource } from './imports.ts'
import { membersOf } from './node-members.ts'
import { inNodeModules } from './packages.ts'
import type { Project } from './project.ts'
import { refusalOf } from './refusal.ts'
import { type BundleWarning, warningAt } from './warnings.ts'

interface FoundUse extends MemberUse {
  position: SourcePosition
}

const lacks = (module: string, member: string) => membersOf(module).lacks.includes(member)

/**
 * Returns a warning for each missing member that is called, with its places. Code of
 * the project is refused where it imports a missing member by its name, and where it would fail while
 * the bundle is loaded. Packages touch many members that they never call, so that only their calls count.
 *
 * @param stubs modules that are stubs in this bundle: their import has a warning already
 * @throws {FunctionError} BUNDLE_REFUSED with file and line
 */
export function checkMembers(
  project: Project,
  { code, map }: { code: Uint8Array; map: Uint8Array },
  stubs: readonly string[],
): BundleWarning[] {
  const uses = findAbsentMembers(new TextDecoder().decode(code), lacks)
  if (uses.length === 0) return []
  const trace = new TraceMap(new TextDecoder().decode(map))
  const found = uses.flatMap((use) => {
    const { source, line, column } = originalPositionFor(trace, use)
    // The sources of Node's modules, which test what they use.
    if (source === null || /^\w+:/.test(source) || stubs.includes(use.module)) return []
    return [{ ...use, position: { file: source, line, column: column + 1 } }]
  })
  const problems = found.flatMap((use) => problemOf(project, use) ?? [])
  if (problems.length > 0) throw refusalOf(problems)
  const counted = found.filter((use) => !use.guarded && !(use.kind === 'read' && isPackage(use)))
  const byName = Map.groupBy(counted, ({ module, member }) => `${module}.${member}`)
  return [...byName].map(([name, all]) => {
    const message = `'${name}' is not available in quickjs-ng functions: a call of it throws ERR_METHOD_NOT_IMPLEMENTED.`
    return warningAt(
      message,
      all.map(({ position }) => position),
    )
  })
}

const isPackage = ({ position }: FoundUse) => inNodeModules(`/${position.file}`)

function problemOf(project: Project, use: FoundUse): Problem | undefined {
  const { module, member, position } = use
  if (isPackage(use)) return undefined
  const imported = namedImport(project, use)
  if (imported !== undefined) {
    const message = `'node:${module}' has no export '${member}' in quickjs-ng functions.`
    return { message, position: { file: position.file, ...imported } }
  }
  if (use.topLevel && use.kind === 'call' && !use.guarded) {
    const message = `'${module}.${member}' is not available in quickjs-ng functions, and it is called when the function is loaded.`
    return { message, position }
  }
  return undefined
}

/** Where the file of the use imports the member by its name. */
function namedImport(
  project: Project,
  { module, member, position }: FoundUse,
): { line: number; column: number } | undefined {
  const source = readSource(resolve(project.root, position.file))
  const imports = source.matchAll(
    /\b(?:import|export)\s+(?!type\b)(?:[\w$]+\s*,\s*)?\{([^}]*)\}\s*from\s*(['"])(?:node:)?([\w/]+)\2/g,
  )
  for (const match of imports) {
    if (match[3] !== module) continue
    const name = new RegExp(`(?<![\\w$])(?<!\\btype\\s+)(?<!\\bas\\s+)${member}(?![\\w$])`).exec(
      match[1] ?? '',
    )
    if (name === null) continue
    const at = match.index + match[0].indexOf('{') + 1 + name.index
    const before = source.slice(0, at)
    return { line: before.split('\n').length, column: at - before.lastIndexOf('\n') }
  }
  return undefined
}
