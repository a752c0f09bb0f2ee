/**
 * Finds where a bundle uses members of Node's modules that a worker lacks. It reads the bundle and not
 * the sources: there, every form of an import has become one of few, and each name has one meaning.
 */
import { type AnyNode, type CallExpression, type Node, type Pattern, parse } from 'acorn'

/** A use of a missing member. */
export interface MemberUse {
  module: string
  member: string
  /** `read` passes it on without a call, `extend` makes a class whose instances cannot be made. */
  kind: 'call' | 'extend' | 'read'
  /** Behind a test of the member, or in a `try`. */
  guarded: boolean
  /** It runs when the bundle is loaded. */
  topLevel: boolean
  /** As in source maps: lines from 1, columns from 0. */
  line: number
  column: number
}

/** What an expression is known to be. */
type Value =
  | { is: 'member'; module: string; member: string }
  | { is: 'module'; module: string }
  | { is: 'namespace'; module: string }
  /** A function that returns the module, as the bundler makes it for `require`. */
  | { is: 'loader'; module: string }

interface Scope {
  parent: Scope | undefined
  /** Declared names, with what they are. */
  names: Map<string, Value | undefined>
}

/** A larger bundle is not searched: its syntax tree would need gigabytes. */
export const MAX_SEARCHED_BYTES = 16 * 2 ** 20

const MARKS = /__(?:absentMember|nodeModule|requiredModule)\b/
/** Functions of compilers and bundlers that wrap a module which was required. */
const INTEROP = /^(?:__toESM|__importDefault|__importStar|_?interop\w*)\d*$/i

/** @param lacks whether a module lacks the member */
export function findAbsentMembers(
  code: string,
  lacks: (module: string, member: string) => boolean,
): MemberUse[] {
  if (!MARKS.test(code) || code.length > MAX_SEARCHED_BYTES) return []
  try {
    const program = parse(code, { ecmaVersion: 'latest', sourceType: 'module', locations: true })
    return new Search(lacks).run(program)
  } catch (error) {
    // The parser's own limits: syntax that it does not know, and nesting that is too deep.
    if (error instanceof SyntaxError || error instanceof RangeError) return []
    throw error
  }
}

type Fields = Record<string, unknown>

function childrenOf(node: Node): AnyNode[] {
  const found: AnyNode[] = []
  for (const value of Object.values(node as unknown as Fields)) {
    if (Array.isArray(value)) {
      for (const one of value) if (isNode(one)) found.push(one)
    } else if (isNode(value)) {
      found.push(value)
    }
  }
  return found
}

const isNode = (value: unknown): value is AnyNode =>
  typeof value === 'object' && value !== null && typeof (value as Node).type === 'string'

const isFunction = (node: AnyNode) =>
  node.type === 'FunctionDeclaration' ||
  node.type === 'FunctionExpression' ||
  node.type === 'ArrowFunctionExpression'

class Search {
  readonly #lacks: (module: string, member: string) => boolean
  readonly #scopes = new Map<Node, Scope>()
  readonly #uses: MemberUse[] = []

  constructor(lacks: (module: string, member: string) => boolean) {
    this.#lacks = lacks
  }

  run(program: AnyNode): MemberUse[] {
    const top: Scope = { parent: undefined, names: new Map() }
    this.#scopes.set(program, top)
    this.#declare(program, top, top)
    // A value may be used above the line that gives it, and come from another that is known later.
    for (let before = -1, after = 0; before !== after; ) {
      before = after
      this.#infer(program, top)
      after = [...this.#scopes.values()].reduce(
        (sum, { names }) => sum + [...names.values()].filter((value) => value !== undefined).length,
        0,
      )
    }
    this.#visit(program, top, [], true)
    return this.#uses
  }

  /** Makes the scopes and puts every declared name into its own. */
  #declare(node: AnyNode, scope: Scope, functionScope: Scope): void {
    let inner = scope
    let innerFunction = functionScope
    if (isFunction(node)) {
      inner = innerFunction = this.#newScope(node, scope)
      const { id, params } = node as { id?: Pattern | null; params: Pattern[] } & Node
      if (id && node.type === 'FunctionDeclaration') declareIn(scope, id)
      for (const param of params) declareIn(inner, param)
    } else if (
      node.type === 'BlockStatement' ||
      node.type.startsWith('For') ||
      node.type === 'CatchClause'
    ) {
      inner = this.#newScope(node, scope)
      if (node.type === 'CatchClause' && node.param) declareIn(inner, node.param)
    } else if (node.type === 'ClassDeclaration' && node.id) {
      declareIn(scope, node.id)
    } else if (node.type === 'VariableDeclaration') {
      for (const { id } of node.declarations) {
        declareIn(node.kind === 'var' ? functionScope : scope, id)
      }
    }
    for (const child of childrenOf(node)) this.#declare(child, inner, innerFunction)
  }

  #newScope(node: Node, parent: Scope): Scope {
    const scope = { parent, names: new Map() }
    this.#scopes.set(node, scope)
    return scope
  }

  /** Gives each name its value, from what is assigned to it. */
  #infer(node: AnyNode, outer: Scope): void {
    const scope = this.#scopes.get(node) ?? outer
    if (node.type === 'VariableDeclarator' && node.init) {
      this.#assign(node.id, node.init, scope)
    } else if (node.type === 'AssignmentExpression' && node.operator === '=') {
      this.#assign(node.left as Pattern, node.right, scope)
    } else if (node.type === 'CallExpression') {
      this.#inferNamespace(node, scope)
    }
    for (const child of childrenOf(node)) this.#infer(child, scope)
  }

  #assign(target: Pattern, from: AnyNode, scope: Scope): void {
    const value = this.#valueOf(from, scope)
    if (value === undefined) return
    if (target.type === 'Identifier') {
      setIn(scope, target.name, value)
    } else if (target.type === 'ObjectPattern' && value.is !== 'loader' && value.is !== 'member') {
      for (const property of target.properties) {
        if (property.type !== 'Property' || property.value.type !== 'Identifier') continue
        const name = keyOf(property.key, property.computed)
        const member = name === undefined ? undefined : this.#memberOf(value, name)
        if (member !== undefined) setIn(scope, property.value.name, member)
      }
    }
  }

  /** `__export(exports_x, { default: () => x_default })`: the bundler's form of a namespace. */
  #inferNamespace({ callee, arguments: args }: CallExpression, scope: Scope): void {
    const [target, members] = args
    if (callee.type !== 'Identifier' || !/^__export\d*$/.test(callee.name)) return
    if (target?.type !== 'Identifier' || members?.type !== 'ObjectExpression') return
    for (const property of members.properties) {
      if (property.type !== 'Property' || keyOf(property.key, property.computed) !== 'default')
        continue
      if (property.value.type !== 'ArrowFunctionExpression') continue
      const value = this.#valueOf(property.value.body, scope)
      if (value?.is === 'module')
        setIn(scope, target.name, { is: 'namespace', module: value.module })
    }
  }

  #valueOf(node: AnyNode, scope: Scope): Value | undefined {
    switch (node.type) {
      case 'Identifier':
        return lookUp(scope, node.name) ?? globalValue(scope, node.name)
      case 'SequenceExpression':
        return this.#valueOf(node.expressions.at(-1) as AnyNode, scope)
      case 'ParenthesizedExpression':
      case 'ChainExpression':
        return this.#valueOf(node.expression, scope)
      case 'AssignmentExpression':
        return this.#valueOf(node.right, scope)
      case 'AwaitExpression':
        return this.#valueOf(node.argument, scope)
      case 'MemberExpression': {
        const object = this.#valueOf(node.object as AnyNode, scope)
        const name = keyOf(node.property as AnyNode, node.computed)
        return object === undefined || name === undefined ? undefined : this.#memberOf(object, name)
      }
      case 'CallExpression':
        return this.#resultOf(node, scope)
      default:
        return undefined
    }
  }

  #memberOf(object: Value, name: string): Value | undefined {
    if (object.is === 'loader' || object.is === 'member') return undefined
    const { module } = object
    if (name === 'default' && object.is === 'namespace') return { is: 'module', module }
    return this.#lacks(module, name) ? { is: 'member', module, member: name } : undefined
  }

  #resultOf(call: CallExpression, scope: Scope): Value | undefined {
    const { callee, arguments: args } = call
    if (callee.type === 'Identifier') {
      const marked = markedValue(callee.name, args as AnyNode[])
      if (marked !== undefined) return marked
      const called = lookUp(scope, callee.name)
      if (called?.is === 'loader') return { is: 'module', module: called.module }
      if (/^__commonJS\d*$/.test(callee.name)) return loaderOf(args[0] as AnyNode | undefined)
    }
    const name = callee.type === 'Identifier' ? callee.name : propertyName(callee as AnyNode)
    const [first] = args as AnyNode[]
    if (name !== undefined && INTEROP.test(name) && first !== undefined) {
      const value = this.#valueOf(first, scope)
      return value?.is === 'module' ? { is: 'namespace', module: value.module } : undefined
    }
    // Promise.resolve().then(() => (init_x(), exports_x)): the bundler's form of a dynamic import.
    if (name === 'then' && first?.type === 'ArrowFunctionExpression') {
      return this.#valueOf(first.body, this.#scopes.get(first) ?? scope)
    }
    return undefined
  }

  #visit(node: AnyNode, outer: Scope, path: AnyNode[], topLevel: boolean): void {
    const scope = this.#scopes.get(node) ?? outer
    const parent = path.at(-1)
    if (
      (node.type === 'Identifier' || node.type === 'MemberExpression') &&
      isRead(node, parent, path.at(-2))
    ) {
      const value = this.#valueOf(node, scope)
      if (value?.is === 'member') {
        this.#report(value, node, path, scope, topLevel)
        return
      }
    }
    path.push(node)
    const inside = topLevel && !(isFunction(node) && !isWrapper(node, parent))
    for (const child of childrenOf(node)) this.#visit(child, scope, path, inside)
    path.pop()
  }

  #report(
    { module, member }: { module: string; member: string },
    node: AnyNode,
    path: AnyNode[],
    scope: Scope,
    topLevel: boolean,
  ): void {
    const parent = path.at(-1)
    if (isProbe(parent, node)) return
    const isNamed = (value: Value | undefined) =>
      value?.is === 'member' && value.module === module && value.member === member
    const guarded = path.some((one, i) => {
      const child = path[i + 1] ?? node
      const test = testOf(one, child)
      if (one.type === 'TryStatement') return one.block === child && Boolean(one.handler)
      return test !== undefined && this.#mentions(test, member, isNamed, scope)
    })
    const end = node.type === 'MemberExpression' ? (node.property as AnyNode) : node
    const { line, column } = (end.loc as NonNullable<Node['loc']>).start
    const kind = kindOf(parent, node)
    this.#uses.push({ module, member, kind, guarded, topLevel, line, column })
  }

  /** Whether a test reads the member, or looks for its name. */
  #mentions(
    test: AnyNode,
    member: string,
    isNamed: (value: Value | undefined) => boolean,
    scope: Scope,
  ): boolean {
    if (test.type === 'Literal' && test.value === member) return true
    const inner = this.#scopes.get(test) ?? scope
    if (isNamed(this.#valueOf(test, inner))) return true
    return childrenOf(test).some((child) => this.#mentions(child, member, isNamed, inner))
  }
}

/** The value that a call of the marks in the sources of Node's modules gives. */
function markedValue(name: string, args: AnyNode[]): Value | undefined {
  const [first, second] = args
  const text = (node: AnyNode | undefined) =>
    node?.type === 'Literal' && typeof node.value === 'string' ? node.value : undefined
  if (/^__absentMember\d*$/.test(name)) {
    const [module, member] = [text(first), text(second)]
    if (module !== undefined && member !== undefined) return { is: 'member', module, member }
  }
  if (/^__(?:nodeModule|requiredModule)\d*$/.test(name)) {
    const module = text(second)
    if (module !== undefined) return { is: 'module', module }
  }
  return undefined
}

/** `__commonJS((exports, module) => { module.exports = __requiredModule(..., 'crypto') })` */
function loaderOf(factory: AnyNode | undefined): Value | undefined {
  if (factory?.type !== 'ArrowFunctionExpression' && factory?.type !== 'FunctionExpression') return
  const { body } = factory
  if (body.type !== 'BlockStatement' || body.body.length > 2) return undefined
  for (const statement of body.body) {
    if (statement.type !== 'ExpressionStatement') continue
    const { expression } = statement
    if (expression.type !== 'AssignmentExpression') continue
    const { right } = expression
    if (right.type !== 'CallExpression' || right.callee.type !== 'Identifier') continue
    const value = markedValue(right.callee.name, right.arguments as AnyNode[])
    if (value?.is === 'module') return { is: 'loader', module: value.module }
  }
  return undefined
}

const propertyName = (node: AnyNode) =>
  node.type === 'MemberExpression' ? keyOf(node.property as AnyNode, node.computed) : undefined

function keyOf(key: AnyNode, computed: boolean): string | undefined {
  if (key.type === 'Literal' && typeof key.value === 'string') return key.value
  return key.type === 'Identifier' && !computed ? key.name : undefined
}

function declareIn(scope: Scope, pattern: Pattern): void {
  if (pattern.type === 'Identifier') {
    if (!scope.names.has(pattern.name)) scope.names.set(pattern.name, undefined)
  } else if (pattern.type === 'ObjectPattern') {
    for (const one of pattern.properties) {
      declareIn(scope, one.type === 'RestElement' ? one.argument : one.value)
    }
  } else if (pattern.type === 'ArrayPattern') {
    for (const one of pattern.elements) if (one) declareIn(scope, one)
  } else if (pattern.type === 'AssignmentPattern') {
    declareIn(scope, pattern.left)
  } else if (pattern.type === 'RestElement') {
    declareIn(scope, pattern.argument)
  }
}

function homeOf(scope: Scope, name: string): Scope | undefined {
  for (let at: Scope | undefined = scope; at !== undefined; at = at.parent) {
    if (at.names.has(name)) return at
  }
  return undefined
}

/** Node's `process` is a global, too. */
const globalValue = (scope: Scope, name: string): Value | undefined =>
  name === 'process' && homeOf(scope, name) === undefined
    ? { is: 'module', module: name }
    : undefined

const lookUp = (scope: Scope, name: string) => homeOf(scope, name)?.names.get(name)

function setIn(scope: Scope, name: string, value: Value): void {
  homeOf(scope, name)?.names.set(name, value)
}

/** False for names that are declared, assigned or keys. */
function isRead(node: AnyNode, parent: AnyNode | undefined, above: AnyNode | undefined): boolean {
  switch (parent?.type) {
    case 'VariableDeclarator':
      // What is only given another name is reported where that name is used.
      return false
    case 'AssignmentExpression':
      return parent.left !== node && parent.right !== node
    case 'MemberExpression':
      return parent.object === node || parent.computed
    case 'Property':
      return parent.value === node && above?.type !== 'ObjectPattern'
    case 'AssignmentPattern':
      return parent.right === node
    case 'MethodDefinition':
    case 'PropertyDefinition':
      return parent.value === node || parent.computed
    case 'ExportSpecifier':
    case 'ImportSpecifier':
    case 'LabeledStatement':
    case 'FunctionDeclaration':
    case 'FunctionExpression':
      return false
    case 'ArrowFunctionExpression':
      // The bundler's getters of a namespace are such functions, and so are those of a package.
      return false
    default:
      return true
  }
}

/** Reads that only look whether the member exists. */
function isProbe(parent: AnyNode | undefined, node: AnyNode): boolean {
  switch (parent?.type) {
    case 'UnaryExpression':
      return parent.operator === 'typeof' || parent.operator === '!'
    case 'BinaryExpression':
      return ['===', '!==', '==', '!='].includes(parent.operator)
    case 'LogicalExpression':
      return parent.left === node
    case 'IfStatement':
    case 'ConditionalExpression':
      return parent.test === node
    case 'CallExpression':
    case 'MemberExpression':
      return parent.optional
    case 'ExpressionStatement':
      return true
    default:
      return false
  }
}

function kindOf(parent: AnyNode | undefined, node: AnyNode): MemberUse['kind'] {
  switch (parent?.type) {
    case 'CallExpression':
    case 'NewExpression':
      return parent.callee === node ? 'call' : 'read'
    case 'TaggedTemplateExpression':
      return parent.tag === node ? 'call' : 'read'
    case 'SequenceExpression':
      // `(0, crypto_1.createSign)()`
      return parent.expressions.at(-1) === node ? 'call' : 'read'
    case 'ClassDeclaration':
    case 'ClassExpression':
      return parent.superClass === node ? 'extend' : 'read'
    default:
      return 'read'
  }
}

/** The test that decides whether `child` of `node` runs. */
function testOf(node: AnyNode, child: AnyNode): AnyNode | undefined {
  if (node.type === 'IfStatement' || node.type === 'ConditionalExpression') {
    return node.test === child ? undefined : node.test
  }
  return node.type === 'LogicalExpression' && node.right === child ? node.left : undefined
}

/** The bundler's own functions around a module, which run when it is loaded. */
function isWrapper(node: AnyNode, parent: AnyNode | undefined): boolean {
  return (
    parent?.type === 'CallExpression' &&
    parent.arguments[0] === node &&
    parent.callee.type === 'Identifier' &&
    /^__(?:commonJS|esm)\d*$/.test(parent.callee.name)
  )
}
