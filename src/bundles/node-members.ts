/** The members of Node's modules: which a quickjs-ng function has, and which it lacks. */
import type { Capabilities } from '../capabilities/schema.ts'
import type { NodeStub, NodeValues } from './bundler/task.ts'
import members from './node-members.json' with { type: 'json' }
import { NODE_MODULES, nodeRefusal } from './node-modules.ts'

export interface NodeMembers {
  /** Its named exports, and the properties of its default export. */
  has: readonly string[]
  /** Functions and classes of Node's module that it lacks. A call of one throws. */
  lacks: readonly string[]
  /** Members of a module that is replaced by a stub, which are the same there. */
  values?: NodeValues
}

const NONE: NodeMembers = { has: [], lacks: [] }

/**
 * By the module's name, without `node:`. The one list for the documents, the check of a deployment and
 * the stubs of the worker. `scripts/node-members.ts` writes it.
 */
export const NODE_MEMBERS: Readonly<Record<string, NodeMembers>> = members

export function membersOf(module: string): NodeMembers {
  return Object.hasOwn(NODE_MEMBERS, module) ? (NODE_MEMBERS[module] ?? NONE) : NONE
}

/** What stands in packages for the modules that a function with these capabilities cannot have. */
export function nodeStubs(capabilities: Capabilities): Record<string, NodeStub> {
  const names = Object.keys(NODE_MEMBERS).filter(
    (name) => NODE_MODULES[name] === undefined || nodeRefusal(name, capabilities) !== undefined,
  )
  const stubs = names.map((name) => {
    const { has, lacks, values = {} } = membersOf(name)
    const needs = NODE_MODULES[name]?.needs
    const members = [...has, ...lacks].filter((member) => !Object.hasOwn(values, member))
    return [name, { members, values, ...(needs !== undefined && { needs }) }]
  })
  return Object.fromEntries(stubs)
}

/** The table of docs/node-modules.md. */
export function membersTable(list: Readonly<Record<string, NodeMembers>>): string {
  const available = Object.entries(list).filter(([module]) => NODE_MODULES[module] !== undefined)
  const rows = available.map(([module, { lacks }]) => {
    const needs = NODE_MODULES[module]?.needs
    const name = `\`${module}\`${needs === undefined ? '' : ` (needs ${needs})`}`
    return `| ${name} | ${lacks.length === 0 ? 'nothing' : lacks.map((one) => `\`${one}\``).join(', ')} |\n`
  })
  return `| module | lacks |\n| --- | --- |\n${rows.join('')}`
}
