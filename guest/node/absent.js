/**
 * Members of Node's modules that a worker lacks, or whose module the profile does not allow. Such a
 * member is `undefined` to `typeof`, falsy, equal to `undefined` by `==`, and not `in` its module, so
 * that feature checks work. A call of it throws an error that names it.
 */
import { hide } from 'fn:values'
import { nodeError, notAvailable } from './internal/errors.ts'

const made = new Map()

/**
 * The member `name` of a module, as its named export.
 *
 * @param needs the capability without which the module is not available
 */
export function __absentMember(module, name, needs) {
  const full = `${module}.${name}`
  const known = made.get(full)
  if (known !== undefined) return known
  // Not an arrow function: packages extend classes and call them with `new`.
  function member() {
    if (needs === undefined) throw notAvailable(full)
    const message = `${full} needs a profile with ${needs}, which this one does not give`
    throw nodeError('ERR_ACCESS_DENIED', message)
  }
  hide(member)
  made.set(full, member)
  return member
}

/** The default export of a module, which answers for the members that it lacks. */
export function __nodeModule(value, module, names, needs) {
  const proto = Object.getPrototypeOf(value)
  const lacks = new Set(names)
  const answer = (target, name, receiver) =>
    lacks.has(name) ? __absentMember(module, name, needs) : Reflect.get(target, name, receiver)
  Object.setPrototypeOf(value, new Proxy(proto, { get: answer }))
  return value
}

/** Marks what `require` of a module gives, for the check of a deployment. */
export const __requiredModule = (value, _module) => value
