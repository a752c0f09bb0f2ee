/** The members of Node's modules: which a quickjs-ng function has, and which it lacks. */
import members from './node-members.json' with { type: 'json' }
import { NODE_MODULES } from './node-modules.ts'

export interface NodeMembers {
  /** Its named exports, and the properties of its default export. */
  has: readonly string[]
  /** Functions and classes of Node's module that it lacks. A call of one throws. */
  lacks: readonly string[]
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

/** The table of docs/node-modules.md. */
export function membersTable(list: Readonly<Record<string, NodeMembers>>): string {
  const rows = Object.entries(list).map(([module, { lacks }]) => {
    const needs = NODE_MODULES[module]?.needs
    const name = `\`${module}\`${needs === undefined ? '' : ` (needs ${needs})`}`
    return `| ${name} | ${lacks.length === 0 ? 'nothing' : lacks.map((one) => `\`${one}\``).join(', ')} |\n`
  })
  return `| module | lacks |\n| --- | --- |\n${rows.join('')}`
}
