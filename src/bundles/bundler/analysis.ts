/**
 * Reads JavaScript that the bundler made. It runs in the bundler's process, which gets it as one text
 * (`BuildTask.analysis`): a command line has no room for its parser.
 */
import { Reachability } from './reachability.ts'
import {
  analyseCode,
  childrenOf,
  isFunction,
  type Node,
  parseCode,
  propertyOf,
  stringOf,
} from './syntax.ts'

export interface GlobalUses {
  /**
   * Offsets of uses that harm nothing: behind a test that fails in a worker, such a test, or in a `try`
   * whose failure is caught.
   */
  harmless: number[]
  /** Where a text in the code says that a global is missing. */
  messages: { name: string; at: number }[]
}

/** What texts call XMLHttpRequest. Code for pages often reaches it through a variable, as `root.XMLHttpRequest`. */
const XHR = 'XHR'
/** Words of a message about something that is missing. */
const MISSING_WORDS =
  /\bno\b|\bnot\b|n't\b|without|missing|unsupported|unavailable|undefined|require/i
/** A name that is no English word, so that a text with it is about the global. */
const CODE_NAME = /[a-z][A-Z]|[A-Z]{2}/

/**
 * @param marked undeclared names that do not exist in a worker, as the code has them, with their real names
 * @returns undefined if the code cannot be analysed
 */
export function globalUses(
  code: string,
  marked: ReadonlyMap<string, string>,
): GlobalUses | undefined {
  const syntax = analyseCode(code)
  if (syntax === undefined) return undefined
  const names = new Set([...marked.values(), XHR].filter((name) => CODE_NAME.test(name)))
  const isNear = nearTo(code, [...marked.keys(), ...names])
  const reachability = new Reachability(syntax, marked, isNear)
  const { values } = reachability
  const harmless: number[] = []
  const messages: GlobalUses['messages'] = []
  const visit = (node: Node, parents: readonly Node[], inTry: boolean): void => {
    if (!isNear(node)) return
    if (node.type === 'Identifier' && marked.has(node.name)) {
      if (inTry || reachability.isDead(node.start) || isProbe(parents)) harmless.push(node.start)
      return
    }
    const text = node.type === 'TemplateElement' ? node.value.raw : stringOf(node)
    if (text !== undefined && MISSING_WORDS.test(text) && !reachability.isDead(node.start)) {
      for (const name of text.match(/[A-Za-z]+/g) ?? []) {
        if (names.has(name)) messages.push({ name, at: node.start })
      }
    }
    if (node.type === 'IfStatement' && alwaysThrows(node)) {
      for (const each of markedIn(node.test as Node))
        messages.push({ name: each.name, at: each.start })
    }
    const path = [node, ...parents.slice(0, MAX_PARENTS)]
    const below = inTry && !isFunction(node)
    const tried = node.type === 'TryStatement' && node.handler ? node.block : undefined
    for (const child of childrenOf(node)) visit(child, path, below || child === tried)
  }
  /** Is it a test whose failure is an error: `if (typeof WebSocket === 'undefined') throw ...`? */
  const alwaysThrows = (node: Node & { type: 'IfStatement' }): boolean => {
    const { consequent } = node
    const [first] = consequent.type === 'BlockStatement' ? consequent.body : [consequent]
    if (first?.type !== 'ThrowStatement' || reachability.isDead(node.start)) return false
    return values.truth(node.test as Node) === true
  }
  const markedIn = (node: Node): { name: string; start: number }[] => {
    const name = node.type === 'Identifier' ? marked.get(node.name) : undefined
    return name === undefined ? childrenOf(node).flatMap(markedIn) : [{ name, start: node.start }]
  }
  /** Is it only tested, or read where undefined is expected? */
  const isProbe = ([parent, ...above]: readonly Node[]): boolean => {
    if (parent === undefined) return false
    if (parent.type === 'UnaryExpression' && parent.operator === 'typeof') return true
    return values.missingProperty(parent) !== undefined && expectsUndefined(parent, above)
  }
  try {
    visit(syntax.program as Node, [], false)
  } catch {
    return undefined
  }
  return { harmless, messages }
}

/** Finds the nodes that have one of these texts in them: most code of a bundle has none. */
function nearTo(code: string, texts: readonly string[]): (node: Node) => boolean {
  const places = [...code.matchAll(new RegExp(texts.join('|'), 'g'))].map(({ index }) => index)
  return ({ start, end }) => {
    let low = 0
    let high = places.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((places[middle] ?? 0) < start) low = middle + 1
      else high = middle
    }
    return (places[low] ?? Infinity) < end
  }
}

/** Expressions that a value passes through; more are not followed. */
const MAX_PARENTS = 12

/** Does the code around an expression do without a value? */
function expectsUndefined(node: Node, [parent, ...above]: readonly Node[]): boolean {
  switch (parent?.type) {
    case 'UnaryExpression':
    case 'BinaryExpression':
      return true
    case 'MemberExpression':
      return parent.object === node && parent.optional
    case 'CallExpression':
      if (parent.callee === node) return parent.optional
      return parent.callee.type === 'Identifier' && parent.callee.name === 'Boolean'
    case 'IfStatement':
    case 'WhileStatement':
    case 'ExpressionStatement':
      return true
    case 'ConditionalExpression':
      return parent.test === node || expectsUndefined(parent as Node, above)
    case 'LogicalExpression':
      return parent.left === node || expectsUndefined(parent as Node, above)
    case 'ChainExpression':
      return expectsUndefined(parent as Node, above)
    case 'SequenceExpression':
      // The bundler writes `typeof (0, globalThis.document)`.
      return parent.expressions.at(-1) !== node || expectsUndefined(parent as Node, above)
    default:
      return false
  }
}

/**
 * The specifiers that a module imports only where it handles the failure: `import` or `require` in a
 * `try` that catches, `import().catch(...)`, `import().then(..., onRejected)`.
 */
export function handledImports(code: string): string[] {
  const program = parseCode(code)
  if (program === undefined) return []
  const handled = new Map<string, boolean>()
  const note = (specifier: string | undefined, isHandled: boolean): void => {
    if (specifier === undefined) return
    handled.set(specifier, (handled.get(specifier) ?? true) && isHandled)
  }
  const visit = (node: Node, inTry: boolean): void => {
    const below = inTry && !isFunction(node)
    switch (node.type) {
      case 'ImportDeclaration':
      case 'ExportNamedDeclaration':
      case 'ExportAllDeclaration':
        note(stringOf(node.source as Node | null), false)
        break
      case 'ImportExpression':
        note(stringOf(node.source as Node), inTry)
        break
      case 'CallExpression': {
        const { callee } = node
        const [first, second] = node.arguments as Node[]
        if (callee.type === 'Identifier' && callee.name === 'require') note(stringOf(first), inTry)
        const method = propertyOf(callee as Node)
        const catches = (method === 'catch' && first) || (method === 'then' && second)
        const { object } = callee as { object?: Node }
        if (catches && object !== undefined) {
          visit(object, true)
          for (const each of node.arguments as Node[]) visit(each, below)
          return
        }
        break
      }
      case 'TryStatement':
        if (node.handler) {
          visit(node.block as Node, true)
          for (const each of [node.handler, node.finalizer]) if (each) visit(each as Node, below)
          return
        }
        break
      default:
    }
    for (const child of childrenOf(node)) visit(child, below)
  }
  try {
    visit(program as Node, false)
  } catch {
    // Nested too deep for the stack.
    return []
  }
  return [...handled].filter(([, isHandled]) => isHandled).map(([specifier]) => specifier)
}
