/** Parsed JavaScript: the nodes, their parents, and what each identifier refers to. */
import { parse } from 'acorn'
import { analyze, type Reference, type Scope, type Variable } from 'eslint-scope'
import { KEYS } from 'eslint-visitor-keys'
import type { Node as EstreeNode, Program } from 'estree'

/** A node with the place that acorn adds: offsets in the text. */
export type Node = EstreeNode & { start: number; end: number }

/** Longer code is not analysed: its tree would take more memory than a small machine has. */
const MAX_CODE_CHARACTERS = 8 * 2 ** 20

export interface Syntax {
  code: string
  program: Program
  references: ReadonlyMap<Node, Reference>
}

/** Undefined if the code is too long or has syntax that the parser does not know. */
export function parseCode(code: string): Program | undefined {
  if (code.length > MAX_CODE_CHARACTERS) return undefined
  try {
    return parse(code, {
      ecmaVersion: 'latest',
      sourceType: 'module',
      allowHashBang: true,
      // For eslint-scope.
      ranges: true,
      allowReturnOutsideFunction: true,
    }) as unknown as Program
  } catch {
    // A syntax error, or nesting that is too deep for the stack.
    return undefined
  }
}

/** Undefined as for `parseCode`. */
export function analyseCode(code: string): Syntax | undefined {
  const program = parseCode(code)
  if (program === undefined) return undefined
  try {
    const { scopes } = analyze(program, { ecmaVersion: 2022, sourceType: 'module' })
    const references = new Map<Node, Reference>()
    for (const scope of scopes as Scope[]) {
      for (const reference of scope.references) {
        // The name in a declaration is a reference too, that writes its first value.
        references.set(reference.identifier as Node, reference)
      }
    }
    return { code, program, references }
  } catch {
    return undefined
  }
}

/** The variable that an identifier refers to; undefined for a global or a name in a declaration. */
export function variableOf({ references }: Syntax, node: Node): Variable | undefined {
  return references.get(node)?.resolved ?? undefined
}

/** The nodes directly below a node, in the order of the text. */
export function childrenOf(node: Node): Node[] {
  const found: Node[] = []
  for (const key of KEYS[node.type] ?? []) {
    const value = node[key as keyof Node] as unknown
    if (Array.isArray(value)) {
      for (const each of value) if (each !== null) found.push(each as Node)
    } else if (value !== undefined && value !== null) {
      found.push(value as Node)
    }
  }
  return found
}

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value
}

export function isFunction(node: Node): boolean {
  return /^(?:ArrowFunctionExpression|Function(?:Declaration|Expression))$/.test(node.type)
}

/** The text of a string or of a template without expressions. */
export function stringOf(node: Node | null | undefined): string | undefined {
  if (node?.type === 'Literal') return typeof node.value === 'string' ? node.value : undefined
  if (node?.type !== 'TemplateLiteral' || node.expressions.length > 0) return undefined
  return node.quasis[0]?.value.cooked ?? undefined
}

/** The name of a property that is written in the code: `a.name` or `a['name']`. */
export function propertyOf(node: Node): string | undefined {
  if (node.type !== 'MemberExpression') return undefined
  const { property, computed } = node
  if (computed) return stringOf(property as Node)
  return property.type === 'Identifier' ? property.name : undefined
}
