/** Finds the code that never runs in a worker, since it stands behind a test for what a worker lacks. */
import { childrenOf, isFunction, type Node, type Syntax } from './syntax.ts'
import { type Value, Values } from './values.ts'

/** Deeper code is not searched for conditions: it counts as code that runs. */
const MAX_DEPTH = 1500

export class Reachability {
  readonly values: Values
  /** Ranges of code that does not run, by their offsets, sorted and apart from each other. */
  readonly #dead: [start: number, end: number][] = []
  readonly #isWanted: (node: Node) => boolean

  /**
   * @param missing undeclared names that do not exist in a worker, as the code has them
   * @param isWanted is there anything in this node that `isDead` will be asked about?
   */
  constructor(
    syntax: Syntax,
    missing: ReadonlyMap<string, string>,
    isWanted: (node: Node) => boolean,
  ) {
    this.#isWanted = isWanted
    this.values = new Values(syntax, missing, (body, depth) => this.#returns(body, depth))
    this.#look(syntax.program as Node, 0)
    this.#dead.sort(([a], [b]) => a - b)
  }

  isDead(at: number): boolean {
    let low = 0
    let high = this.#dead.length
    while (low < high) {
      const middle = (low + high) >> 1
      const [start = 0] = this.#dead[middle] ?? []
      if (start <= at) low = middle + 1
      else high = middle
    }
    const range = this.#dead[low - 1]
    return range !== undefined && at < range[1]
  }

  #kill(node: Node | null | undefined): void {
    if (node) this.#dead.push([node.start, node.end])
  }

  #look(node: Node, depth: number): void {
    if (depth > MAX_DEPTH || !this.#isWanted(node)) return
    const skip = this.#deadPart(node)
    this.#kill(skip)
    if (node.type === 'SwitchStatement') {
      for (const each of this.#deadCases(node as Node & { type: 'SwitchStatement' }))
        this.#kill(each)
    }
    const statements = statementsOf(node)
    if (statements !== undefined) this.#killBehindExit(statements)
    for (const child of childrenOf(node)) if (child !== skip) this.#look(child, depth + 1)
  }

  /** The part of a node that does not run as its condition is known. */
  #deadPart(node: Node): Node | undefined {
    switch (node.type) {
      case 'IfStatement':
      case 'ConditionalExpression': {
        const truth = this.values.truth(node.test as Node)
        if (truth === undefined) return undefined
        return ((truth ? node.alternate : node.consequent) ?? undefined) as Node | undefined
      }
      case 'WhileStatement':
        return this.values.truth(node.test as Node) === false ? (node.body as Node) : undefined
      case 'ForStatement': {
        const never = node.test && this.values.truth(node.test as Node) === false
        return never ? (node.body as Node) : undefined
      }
      case 'LogicalExpression': {
        const { operator, left } = node
        if (operator === '??') {
          const value = this.values.of(left as Node)
          const given = !['unknown', 'falsy', 'known', 'one'].includes(value.kind)
          return given ? (node.right as Node) : undefined
        }
        const truth = this.values.truth(left as Node)
        return truth === (operator === '||') ? (node.right as Node) : undefined
      }
      default:
        return undefined
    }
  }

  /** The cases of a switch that do not run, if what decides is known. */
  #deadCases({ discriminant, cases }: Node & { type: 'SwitchStatement' }): Node[] {
    const value = this.values.of(discriminant as Node)
    const tests = cases.map(({ test }) => (test ? this.values.of(test as Node) : undefined))
    if (value.kind !== 'known') return []
    if (tests.some((test) => test !== undefined && test.kind !== 'known')) return []
    const matching = tests.findIndex((test) => test?.kind === 'known' && test.value === value.value)
    const first = matching === -1 ? tests.indexOf(undefined) : matching
    if (first === -1) return cases as Node[]
    const last = cases.findIndex(({ consequent }, index) => {
      return index >= first && consequent.some((each) => this.#exits(each as Node))
    })
    return cases.filter((_, index) => index < first || (last !== -1 && index > last)) as Node[]
  }

  /** Statements behind one that always returns or throws; functions are declared before they run. */
  #killBehindExit(statements: readonly Node[]): void {
    const exit = statements.findIndex((statement) => this.#exits(statement))
    if (exit === -1) return
    for (const statement of statements.slice(exit + 1)) {
      if (!isFunction(statement)) this.#kill(statement)
    }
  }

  #exits(node: Node, depth = 0): boolean {
    if (depth > MAX_DEPTH) return false
    const exits = (each: unknown) => each != null && this.#exits(each as Node, depth + 1)
    switch (node.type) {
      case 'ReturnStatement':
      case 'ThrowStatement':
      case 'BreakStatement':
      case 'ContinueStatement':
        return true
      case 'BlockStatement':
        return node.body.some(exits)
      case 'IfStatement': {
        const truth = this.values.truth(node.test as Node)
        if (truth === true) return exits(node.consequent)
        if (truth === false) return exits(node.alternate)
        return exits(node.consequent) && exits(node.alternate)
      }
      case 'TryStatement':
        return (
          exits(node.finalizer) ||
          (exits(node.block) && (!node.handler || exits(node.handler.body)))
        )
      default:
        return false
    }
  }

  /** The values that a function may return, with undefined if its end may be reached. */
  #returns(body: Node, depth: number): Value[] {
    const found: Value[] = []
    if (!this.#collect(body, depth, found)) found.push({ kind: 'known', value: undefined })
    return found
  }

  /** Adds what a statement may return. Returns whether what follows it is not reached. */
  #collect(node: Node | null | undefined, depth: number, found: Value[]): boolean {
    if (!node) return false
    switch (node.type) {
      case 'ReturnStatement':
        found.push(
          node.argument
            ? this.values.of(node.argument as Node, depth)
            : { kind: 'known', value: undefined },
        )
        return true
      case 'ThrowStatement':
        return true
      case 'BlockStatement':
        return node.body.some((each) => this.#collect(each as Node, depth, found))
      case 'IfStatement': {
        const truth = this.values.truth(node.test as Node, depth)
        if (truth === true) return this.#collect(node.consequent as Node, depth, found)
        if (truth === false) return this.#collect(node.alternate as Node | undefined, depth, found)
        const first = this.#collect(node.consequent as Node, depth, found)
        return this.#collect(node.alternate as Node | undefined, depth, found) && first
      }
      case 'ExpressionStatement':
      case 'VariableDeclaration':
      case 'FunctionDeclaration':
      case 'ClassDeclaration':
      case 'EmptyStatement':
        return false
      default:
        // A loop, a switch, a try: what they return is not followed.
        found.push({ kind: 'unknown' })
        return false
    }
  }
}

function statementsOf(node: Node): Node[] | undefined {
  if (node.type === 'Program' || node.type === 'BlockStatement' || node.type === 'StaticBlock') {
    return node.body as Node[]
  }
  return node.type === 'SwitchCase' ? (node.consequent as Node[]) : undefined
}
