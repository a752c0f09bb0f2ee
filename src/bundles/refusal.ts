/** The error for a bundle with one or more problems. */
import { FunctionError, type Problem } from '../errors.ts'

/** Problems that an error lists; it counts the others. */
const MAX_PROBLEMS = 50

/** @param problems at least one; duplicates are left out */
export function refusalOf(problems: readonly Problem[]): FunctionError {
  const distinct = [...new Map(problems.map((each) => [keyOf(each), each])).values()]
  const [first = { message: 'The bundle was refused without a reason.' }, ...rest] = distinct
  const others = rest.slice(0, MAX_PROBLEMS - 1)
  const more = rest.length - others.length
  if (more > 0) others.push({ message: `${more} more errors are not shown.` })
  return new FunctionError('BUNDLE_REFUSED', first.message, {
    ...(first.position && { position: first.position }),
    others,
  })
}

function keyOf({ message, position }: Problem): string {
  const { file, line, column } = position ?? {}
  return JSON.stringify([message, file, line, column])
}
