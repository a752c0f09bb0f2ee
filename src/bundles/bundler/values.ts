/**
 * What an expression is in a worker, as far as the code itself says so: `typeof document` is
 * 'undefined' there. An expression that depends on anything else is unknown.
 */
import type { Variable } from 'eslint-scope'
import type { Expression } from 'estree'
import { isFunction, type Node, propertyOf, type Syntax, stringOf, variableOf } from './syntax.ts'

/** Calls and variables that are followed one after the other. */
const MAX_DEPTH = 24
/** Expressions that are looked at in one bundle; what is left then is unknown. */
const MAX_STEPS = 5_000_000

/** Values that an expression may have; with more it is unknown. */
const MAX_VALUES = 16

const NESTS: ReadonlySet<string> = new Set([
  'BinaryExpression',
  'CallExpression',
  'ConditionalExpression',
  'LogicalExpression',
  'MemberExpression',
])

/** The names of objects that hold the globals. */
const GLOBAL_NAMES = ['globalThis', 'self', 'global']

export type Value =
  | { kind: 'unknown' }
  /** Unknown, but it decides a condition. */
  | { kind: 'truthy' }
  | { kind: 'falsy' }
  | { kind: 'known'; value: unknown }
  /** One of several known values. */
  | { kind: 'one'; values: readonly unknown[] }
  /** globalThis */
  | { kind: 'global' }
  | { kind: 'function'; node: Node }
  /** An object that the code writes out. */
  | { kind: 'object'; node: Node & { type: 'ObjectExpression' } }

const UNKNOWN: Value = { kind: 'unknown' }
const TRUTHY: Value = { kind: 'truthy' }
const FALSY: Value = { kind: 'falsy' }
const UNDEFINED: Value = { kind: 'known', value: undefined }
const known = (value: unknown): Value => ({ kind: 'known', value })

/** Does a condition hold? Undefined if that is not known. */
export function truthOf(value: Value): boolean | undefined {
  if (value.kind === 'unknown') return undefined
  if (value.kind === 'falsy') return false
  if (value.kind === 'one') {
    const [first, ...rest] = value.values.map(Boolean)
    return rest.every((each) => each === first) ? first : undefined
  }
  return value.kind === 'known' ? Boolean(value.value) : true
}

/** What the statements of a function return; they are followed by the code that knows statements. */
export type ReturnsOf = (body: Node, depth: number) => Value[]

export class Values {
  readonly #syntax: Syntax
  /** Undeclared names that do not exist in a worker, as the code has them, with their real names. */
  readonly #missing: ReadonlyMap<string, string>
  readonly #names: ReadonlySet<string>
  readonly #returns: ReturnsOf
  readonly #variables = new Map<unknown, Value>()
  readonly #calls = new Map<Node, Value>()
  readonly #assigned = new Map<string, boolean>()
  /** Of nodes that nest: a long chain is evaluated once, not once for each of its links. */
  readonly #nested = new Map<Node, Value>()
  #steps = 0
  /** How often a limit made a value unknown: such a value is not kept. */
  #cuts = 0
  /** Values that a module of the bundle gives its variables when it is first used. */
  readonly #initial: ReadonlySet<unknown>
  /** What the bundler puts into the namespaces of modules, by the empty objects that it makes of them first. */
  readonly #namespaces: ReadonlyMap<Node, Node & { type: 'ObjectExpression' }>

  constructor(syntax: Syntax, missing: ReadonlyMap<string, string>, returns: ReturnsOf) {
    this.#syntax = syntax
    this.#missing = missing
    this.#names = new Set(missing.values())
    this.#returns = returns
    this.#initial = initialValues(syntax.program as Node)
    this.#namespaces = namespacesOf(syntax.program as Node)
  }

  truth(node: Node, depth = 0): boolean | undefined {
    return truthOf(this.of(node, depth))
  }

  of(node: Node, depth = 0): Value {
    if (depth > MAX_DEPTH || ++this.#steps > MAX_STEPS) {
      this.#cuts++
      return UNKNOWN
    }
    if (!NESTS.has(node.type)) return this.#evaluate(node, depth)
    return this.#kept(this.#nested, node, () => this.#evaluate(node, depth))
  }

  /** While a value is found, it is unknown for what depends on it in turn. */
  #kept<K>(values: Map<K, Value>, key: K, find: () => Value): Value {
    const seen = values.get(key)
    if (seen !== undefined) return seen
    values.set(key, UNKNOWN)
    const cuts = this.#cuts
    const value = find()
    if (this.#cuts === cuts) values.set(key, value)
    else values.delete(key)
    return value
  }

  #evaluate(node: Node, depth: number): Value {
    switch (node.type) {
      case 'Literal':
        return 'regex' in node || 'bigint' in node ? UNKNOWN : known(node.value)
      case 'TemplateLiteral': {
        const text = stringOf(node)
        return text === undefined ? UNKNOWN : known(text)
      }
      case 'Identifier':
        return this.#identifier(node, node.name, depth)
      case 'ChainExpression':
        return this.of(node.expression as Node, depth)
      case 'MemberExpression':
        return this.#member(node, depth)
      case 'UnaryExpression':
        return this.#unary(node.operator, node.argument as Node, depth)
      case 'BinaryExpression':
        return this.#binary(node.operator, node.left as Node, node.right as Node, depth)
      case 'LogicalExpression':
        return this.#logical(node.operator, node.left as Node, node.right as Node, depth)
      case 'ConditionalExpression':
        return this.#conditional(node as Node & { type: 'ConditionalExpression' }, depth)
      case 'SequenceExpression':
        return this.of(node.expressions.at(-1) as Node, depth)
      case 'AssignmentExpression':
        return node.operator === '=' ? this.of(node.right as Node, depth) : UNKNOWN
      case 'CallExpression':
        return this.#call(node as Node & { type: 'CallExpression' }, depth)
      case 'FunctionExpression':
      case 'ArrowFunctionExpression':
        return { kind: 'function', node }
      case 'ObjectExpression':
        return { kind: 'object', node: node as Node & { type: 'ObjectExpression' } }
      case 'ArrayExpression':
      case 'ClassExpression':
      case 'NewExpression':
        return TRUTHY
      default:
        return UNKNOWN
    }
  }

  /** Is it a property of globalThis that does not exist in a worker? Returns its name. */
  missingProperty(node: Node, depth = 0): string | undefined {
    const name = propertyOf(node)
    if (name === undefined || node.type !== 'MemberExpression') return undefined
    const real = this.#missing.get(name) ?? (this.#names.has(name) ? name : undefined)
    return real !== undefined && this.of(node.object as Node, depth + 1).kind === 'global'
      ? real
      : undefined
  }

  #identifier(node: Node, name: string, depth: number): Value {
    const variable = variableOf(this.#syntax, node)
    if (variable === undefined) {
      if (name === 'undefined') return UNDEFINED
      return GLOBAL_NAMES.includes(name) ? { kind: 'global' } : UNKNOWN
    }
    return this.#kept(this.#variables, variable, () => this.#variable(variable, depth))
  }

  #variable({ defs, references }: Variable, depth: number): Value {
    const [definition, ...more] = defs
    if (definition === undefined || more.length > 0) return UNKNOWN
    const writes = references.filter((reference) => reference.isWrite())
    if (definition.type === 'FunctionName' && writes.length === 0) {
      return { kind: 'function', node: definition.node as Node }
    }
    const [write, ...others] = writes
    if (definition.type !== 'Variable' || others.length > 0) return UNKNOWN
    if (!write?.writeExpr || write.partial || !write.isWriteOnly()) return UNKNOWN
    const value = this.of(write.writeExpr as Node, depth + 1)
    const isInitial = write.init === true || this.#initial.has(write.writeExpr)
    // It may be read before it is written, as what is made on first use is.
    return isInitial ? value : either([UNDEFINED, value])
  }

  #member(node: Node & { type: 'MemberExpression' }, depth: number): Value {
    if (this.missingProperty(node, depth) !== undefined) return UNDEFINED
    const object = this.of(node.object as Node, depth + 1)
    const name = propertyOf(node)
    if (object.kind === 'object' && name !== undefined && !this.#isAssigned(name)) {
      return this.#property(object.node, name, depth + 1)
    }
    if (object.kind === 'global' && name !== undefined && GLOBAL_NAMES.includes(name)) return object
    const nothing = object.kind === 'known' && object.value == null
    return nothing && node.optional ? UNDEFINED : UNKNOWN
  }

  /** Does the code assign a property of this name to any object? */
  #isAssigned(name: string): boolean {
    const known = this.#assigned.get(name)
    if (known !== undefined) return known
    const literal = name.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
    const found = new RegExp(`\\.${literal}\\s*(?:[-+*/%&|^?<>]{0,3}=(?!=)|\\+\\+|--)`).test(
      this.#syntax.code,
    )
    this.#assigned.set(name, found)
    return found
  }

  /** A property of an object; what follows in the code counts more. */
  #property(node: Node & { type: 'ObjectExpression' }, name: string, depth: number): Value {
    if (depth > MAX_DEPTH) return UNKNOWN
    for (const property of node.properties.toReversed()) {
      if (property.type === 'SpreadElement') {
        const spread = this.of(property.argument as Node, depth + 1)
        if (spread.kind !== 'object') return UNKNOWN
        const value = this.#property(spread.node, name, depth + 1)
        if (value.kind !== 'known' || value.value !== undefined) return value
        continue
      }
      const { key, computed, kind, value } = property
      const written = key.type === 'Identifier' && !computed ? key.name : stringOf(key as Node)
      if (written === undefined) return UNKNOWN
      if (written === name) return kind === 'init' ? this.of(value as Node, depth + 1) : UNKNOWN
    }
    return this.#exported(node, name, depth)
  }

  /** The bundler makes the namespace of a module with `__export(exports_m, { name: () => name })`. */
  #exported(node: Node & { type: 'ObjectExpression' }, name: string, depth: number): Value {
    const exported = this.#namespaces.get(node)
    if (exported === undefined) return UNDEFINED
    const getter = this.#property(exported, name, depth + 1)
    return getter.kind === 'function' ? this.#returned(getter.node, depth + 1) : getter
  }

  #unary(operator: string, argument: Node, depth: number): Value {
    if (operator === 'typeof') {
      if (argument.type === 'Identifier' && this.#missing.has(argument.name)) {
        return known('undefined')
      }
      const value = this.of(argument, depth)
      if (value.kind === 'known') return known(typeof value.value)
      if (value.kind === 'global') return known('object')
      if (value.kind === 'object') return known('object')
      return value.kind === 'function' ? known('function') : UNKNOWN
    }
    if (operator === 'void') return UNDEFINED
    if (operator !== '!') return UNKNOWN
    const truth = this.truth(argument, depth)
    return truth === undefined ? UNKNOWN : known(!truth)
  }

  #binary(operator: string, leftNode: Node, rightNode: Node, depth: number): Value {
    if (!/^(?:in|[!=]==?)$/.test(operator)) return UNKNOWN
    const right = this.of(rightNode, depth)
    if (operator === 'in') {
      const name = stringOf(leftNode)
      const absent = right.kind === 'global' && name !== undefined && this.#names.has(name)
      return absent ? known(false) : UNKNOWN
    }
    const negative = operator === '!==' || operator === '!='
    const same = areSame(this.of(leftNode, depth), right, operator.length === 2)
    return same === undefined ? UNKNOWN : known(same !== negative)
  }

  #logical(operator: string, leftNode: Node, rightNode: Node, depth: number): Value {
    const left = this.of(leftNode, depth)
    if (operator === '??') {
      if (['unknown', 'falsy', 'one'].includes(left.kind)) return UNKNOWN
      return left.kind === 'known' && left.value == null ? this.of(rightNode, depth) : left
    }
    const truth = truthOf(left)
    const right = this.of(rightNode, depth)
    if (truth !== undefined) return truth === (operator === '&&') ? right : left
    if (operator === '&&') return truthOf(right) === false ? FALSY : UNKNOWN
    return truthOf(right) === true ? TRUTHY : UNKNOWN
  }

  #conditional(node: Node & { type: 'ConditionalExpression' }, depth: number): Value {
    const truth = this.truth(node.test as Node, depth)
    if (truth === true) return this.of(node.consequent as Node, depth)
    if (truth === false) return this.of(node.alternate as Node, depth)
    return either([this.of(node.consequent as Node, depth), this.of(node.alternate as Node, depth)])
  }

  #call(node: Node & { type: 'CallExpression' }, depth: number): Value {
    const { callee } = node
    const called = this.of(callee as Node, depth + 1)
    if (called.kind === 'function') return this.#returned(called.node, depth)
    if (called.kind === 'known' && called.value === undefined && node.optional) return UNDEFINED
    const [first, second] = node.arguments as Node[]
    if (callee.type === 'Identifier') {
      if (callee.name !== 'Boolean' || first === undefined) return UNKNOWN
      if (variableOf(this.#syntax, callee as Node) !== undefined) return UNKNOWN
      const truth = this.truth(first, depth)
      return truth === undefined ? UNKNOWN : known(truth)
    }
    const method = propertyOf(callee as Node)
    if (method === undefined || callee.type !== 'MemberExpression') return UNKNOWN
    const { object } = callee
    const own = method === 'hasOwnProperty' && this.of(object as Node, depth).kind === 'global'
    const reflects =
      object.type === 'Identifier' &&
      /^(?:Object\.hasOwn|Reflect\.has)$/.test(`${object.name}.${method}`)
    const target = own || (reflects && first && this.of(first, depth).kind === 'global')
    const name = stringOf(own ? first : second)
    return target && name !== undefined && this.#names.has(name) ? known(false) : UNKNOWN
  }

  #returned(node: Node, depth: number): Value {
    return this.#kept(this.#calls, node, () => {
      if (!isFunction(node) || ('async' in node && node.async)) return UNKNOWN
      if ('generator' in node && node.generator) return UNKNOWN
      const body = (node as Node & { type: 'FunctionExpression' }).body as Node
      const isBlock = body.type === 'BlockStatement'
      return either(isBlock ? this.#returns(body, depth + 1) : [this.of(body, depth + 1)])
    })
  }
}

/**
 * The bundler declares the variables of a module that is not always needed at the top, and gives them
 * their values in a function: `var a; var init_a = __esm(() => { a = 1 })`.
 */
function initialValues(program: Node): Set<unknown> {
  const found = new Set<unknown>()
  if (program.type !== 'Program') return found
  for (const statement of program.body) {
    if (statement.type !== 'VariableDeclaration') continue
    for (const { init } of statement.declarations) {
      if (init?.type !== 'CallExpression' || init.callee.type !== 'Identifier') continue
      const [first] = init.arguments
      if (!init.callee.name.startsWith('__esm') || first?.type !== 'ArrowFunctionExpression')
        continue
      if (first.body.type !== 'BlockStatement') continue
      for (const { type, ...rest } of first.body.body) {
        const { expression } = rest as { expression?: Expression }
        if (type === 'ExpressionStatement' && expression?.type === 'AssignmentExpression') {
          found.add(expression.right)
        }
      }
    }
  }
  return found
}

function namespacesOf(program: Node): Map<Node, Node & { type: 'ObjectExpression' }> {
  const found = new Map<Node, Node & { type: 'ObjectExpression' }>()
  const empty = new Map<string, Node>()
  if (program.type !== 'Program') return found
  for (const statement of program.body) {
    if (statement.type === 'VariableDeclaration') {
      for (const { id, init } of statement.declarations) {
        if (id.type !== 'Identifier' || init?.type !== 'ObjectExpression') continue
        if (init.properties.length === 0) empty.set(id.name, init as Node)
      }
      continue
    }
    if (statement.type !== 'ExpressionStatement') continue
    const { expression } = statement
    if (expression.type !== 'CallExpression' || expression.callee.type !== 'Identifier') continue
    const [target, members] = expression.arguments
    if (!expression.callee.name.startsWith('__export') || target?.type !== 'Identifier') continue
    const object = empty.get(target.name)
    if (object !== undefined && members?.type === 'ObjectExpression') {
      found.set(object, members as Node & { type: 'ObjectExpression' })
    }
  }
  return found
}

function areSame(left: Value, right: Value, loose: boolean): boolean | undefined {
  if (left.kind === 'known' && right.kind === 'known') {
    if (left.value === right.value) return true
    if (!loose) return false
    if (left.value == null || right.value == null) return left.value == null && right.value == null
    return typeof left.value === typeof right.value ? false : undefined
  }
  const [one, other] = left.kind === 'known' ? [left, right] : [right, left]
  const nothing = one.kind === 'known' && one.value == null
  if (one.kind === 'known' && other.kind === 'one') {
    const answers = new Set(other.values.map((value) => areSame(one, known(value), loose)))
    return answers.size === 1 ? [...answers][0] : undefined
  }
  const something = !['known', 'unknown', 'falsy', 'one'].includes(other.kind)
  return nothing && something ? false : undefined
}

/** What is true of every one of the values. */
function either(values: readonly Value[]): Value {
  const [first, ...rest] = values
  if (first === undefined) return UNDEFINED
  const same = (each: Value) =>
    first.kind === 'known' && each.kind === 'known' && each.value === first.value
  if (rest.every(same)) return first
  const all = values.flatMap((each) => {
    if (each.kind === 'known') return [each.value]
    return each.kind === 'one' ? each.values : [UNKNOWN]
  })
  if (!all.includes(UNKNOWN) && all.length <= MAX_VALUES) return { kind: 'one', values: all }
  const truths = new Set(values.map(truthOf))
  if (truths.size !== 1) return UNKNOWN
  const [truth] = truths
  return truth === undefined ? UNKNOWN : truth ? TRUTHY : FALSY
}
