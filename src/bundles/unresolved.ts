/** The error for an import that leads nowhere: what imports it, where, and what to do. */
import { existsSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { FunctionError } from '../errors.ts'
import { isInside } from '../lib/is-inside.ts'
import { findImport, readSource } from './imports.ts'
import { installed, packageOf } from './packages.ts'
import type { Project } from './project.ts'

/** The bundler's report; line and column are 0 or below where it does not know them. */
interface Unresolved {
  specifier: string
  /** The importing file. */
  file: string
  line: number
  column: number
}

/** @throws {FunctionError} BUNDLE_REFUSED */
export function unresolved(project: Project, report: Unresolved): FunctionError {
  const { specifier } = report
  const file = resolve(project.root, report.file)
  const source = readSource(file)
  const literal = findImport(source, specifier)
  const written = literal.line > 1 || literal.column > 1
  // Bun forgets the place of an import that a plugin was asked for, and says 1:1.
  const placed = source.split('\n')[report.line - 1]?.includes(specifier)
  const { line, column } = placed ? report : written ? literal : firstJsx(source)
  const jsx = !written && /\/jsx(?:-dev)?-runtime$/.test(specifier)
  const why = jsx ? jsxReason(specifier) : reason(project, specifier, file)
  return new FunctionError('BUNDLE_REFUSED', why, {
    position: { file: relative(project.root, file), line, column },
  })
}

function reason(project: Project, specifier: string, file: string): string {
  if (/^\.{0,2}\//.test(specifier) || /^\.{1,2}$/.test(specifier)) {
    const path = relative(project.root, resolve(dirname(file), specifier))
    return `'${specifier}' was not found: there is no ${path}, with or without the ending of a script.`
  }
  if (specifier.startsWith('#')) {
    return `'${specifier}' was not found: the field 'imports' of the nearest package.json does not lead to a file.`
  }
  if (specifier === '') return 'An import names nothing: write the name of a package or file.'
  const name = packageOf(specifier)
  const home = installed(project.root, name, dirname(file))
  if (home !== undefined) {
    const where = relative(project.root, home)
    return `Package '${name}' is installed in ${where}, but has nothing at '${specifier}' for this runtime: check its version, and the field 'exports' of its package.json.`
  }
  const plugAndPlay = existsSync(join(project.root, '.pnp.cjs'))
  const remedy = plugAndPlay
    ? `Yarn's Plug'n'Play is not supported: set 'nodeLinker: node-modules' in .yarnrc.yml and install again`
    : `add it to the dependencies of ${relative(project.root, manifestOf(project.root, file))} and install them`
  const asked = specifier === name ? '' : ` ('${specifier}')`
  return `Package '${name}'${asked} is not installed: ${remedy}. It was searched in each node_modules up to the project root ${project.root} (${project.rootReason}).`
}

function jsxReason(specifier: string): string {
  const name = packageOf(specifier)
  return `The JSX of this file needs package '${name}' ('${specifier}'), which is not installed: install it, or name another one by jsxImportSource in tsconfig.json, such as "hono/jsx".`
}

/** The nearest package.json, whether it exists or not. */
function manifestOf(root: string, file: string): string {
  for (let at = dirname(file); isInside(root, at) && at !== root; at = dirname(at)) {
    if (existsSync(join(at, 'package.json'))) return join(at, 'package.json')
  }
  return join(root, 'package.json')
}

/** About where the first JSX of a source stands: the bundler imports its runtime without a place. */
function firstJsx(source: string): { line: number; column: number } {
  const found = /(?:^|[(=>?:&|,{[]|\breturn)\s*(?=<(?:>|[A-Za-z]))/m.exec(source)
  if (found === null) return { line: 1, column: 1 }
  const before = source.slice(0, found.index + found[0].length)
  return { line: before.split('\n').length, column: before.length - before.lastIndexOf('\n') }
}
