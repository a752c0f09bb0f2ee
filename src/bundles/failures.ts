/**
 * What the bundler failed at. It reports failures of one kind only, so each run changes the task so that
 * the next one gets further, and finds the failures of other kinds.
 */
import { relative, resolve } from 'node:path'
import { FunctionError, type Problem } from '../errors.ts'
import { isInside } from '../lib/is-inside.ts'
import {
  type Absence,
  absenceOverride,
  isOptionalPackage,
  type OptionalImports,
} from './absences.ts'
import type { BuildFailure, BuildTask } from './bundler/task.ts'
import { type Project, rootRemedy } from './project.ts'
import { refusalOf } from './refusal.ts'
import { unresolved } from './unresolved.ts'

interface UnresolvedImport extends Absence {
  error: FunctionError
}

export class Failures {
  readonly #project: Project
  readonly #task: BuildTask
  readonly #problems: Problem[] = []
  /** Imports that fail at run time. */
  readonly absences: Absence[] = []
  /** Imports that the bundler did not find, and that the code may not allow for. */
  #unresolved: UnresolvedImport[] = []

  /** @param task is changed for the next run */
  constructor(project: Project, task: BuildTask) {
    this.#project = project
    this.#task = task
  }

  get problems(): Problem[] {
    return [...this.#problems, ...this.#unresolved.map(({ error }) => error)]
  }

  /**
   * Notes the failures of a run.
   *
   * @throws {FunctionError} BUNDLE_REFUSED with everything that is wrong, if there is nothing to try
   */
  add(failures: readonly BuildFailure[]): void {
    const { root, entry } = this.#project
    let changed = false
    const outside: Problem[] = []
    for (const failure of failures) {
      const error = buildError(this.#project, failure)
      const { specifier, file = entry } = failure
      const importer = resolve(root, file)
      const unknown = specifier === undefined ? undefined : { importer, specifier, error }
      if (unknown !== undefined && !this.#isOverridden(unknown)) {
        this.#leaveUnresolved(unknown)
        changed = true
      } else {
        const problems = isInside(root, importer) ? this.#problems : outside
        problems.push(error)
        if (this.#replace(failure, importer)) changed = true
      }
    }
    // The import that leads out of the root is reported, and not what is wrong there.
    if (!changed) throw refusalOf([...this.problems, ...outside])
  }

  /** Makes imports fail at run time. Returns whether there are more than before. */
  leaveOut(found: readonly Absence[]): boolean {
    const added = found.filter((each) => !this.#isOverridden(each))
    this.absences.push(...added)
    this.#task.overrides.push(...added.map((each) => absenceOverride(this.#project, each)))
    return added.length > 0
  }

  /** Imports that the code can do without are no problem. */
  excuse(optional: OptionalImports): void {
    const { root } = this.#project
    const isExcused = ({ importer, specifier }: Absence) =>
      optional.has(relative(root, importer), specifier)
    this.absences.push(...this.#unresolved.filter(isExcused))
    this.#unresolved = this.#unresolved.filter((each) => !isExcused(each))
  }

  #leaveUnresolved(unknown: UnresolvedImport): void {
    if (isOptionalPackage(this.#project, unknown)) this.absences.push(unknown)
    else if (isInside(this.#project.root, unknown.importer)) this.#unresolved.push(unknown)
    this.#task.overrides.push(absenceOverride(this.#project, unknown))
  }

  /** Puts something else in the place of what failed. Returns false if that was tried before. */
  #replace({ message, file }: BuildFailure, importer: string): boolean {
    const { addedExports, broken } = this.#task
    const [, module, name] = MISSING_EXPORT.exec(message) ?? []
    if (module !== undefined && name !== undefined && MODULE.test(module)) {
      const known = addedExports[module] ?? []
      addedExports[module] = [...known, name]
      return !known.includes(name)
    }
    const failed = module === undefined ? importer : resolve(this.#project.root, module)
    if (file === undefined || broken.includes(failed)) return false
    broken.push(failed)
    return true
  }

  #isOverridden({ importer, specifier }: Pick<Absence, 'importer' | 'specifier'>): boolean {
    return this.#task.overrides.some((override) => {
      return override.importer === importer && override.specifier === specifier
    })
  }
}

const MISSING_EXPORT = /^No matching export in "(.+)" for import "(.+)"$/
/** A module to which an export can be added. */
const MODULE = /^functions:|\.[cm]?[jt]sx?$/

function buildError(project: Project, failure: BuildFailure): FunctionError {
  const { root, entry } = project
  const { file: path = entry, line = 0, column = 0 } = failure
  const file = relative(root, resolve(root, path))
  if (file.startsWith('..')) {
    // The message could quote that file, so it is not shown.
    const remedy = rootRemedy(project, resolve(root, path))
    const outside = `An import leads to ${file}, outside ${remedy}.`
    return new FunctionError('BUNDLE_REFUSED', outside, {
      position: { file: relative(root, entry), line: 1, column: 1 },
    })
  }
  if (failure.specifier !== undefined) {
    return unresolved(project, { specifier: failure.specifier, file: path, line, column })
  }
  return new FunctionError('BUNDLE_REFUSED', named(failure.message), {
    position: { file, line: Math.max(1, line), column: Math.max(1, column) },
  })
}

/** The bundler's message, with Node's modules named as the source imports them. */
function named(message: string): string {
  return message.replace(
    /^No matching export in "functions:(node:[^"]+)" for import "(.+)"$/,
    "'$1' has no export '$2' in quickjs-ng functions.",
  )
}
