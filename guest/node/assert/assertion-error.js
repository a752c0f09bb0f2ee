/** AssertionError, and the texts of its messages. */
import { validateObject } from '../internal/validate.ts'
import { inspect } from '../util/inspect.js'

const HEADS = {
  deepStrictEqual: 'Expected values to be strictly deep-equal:',
  strictEqual: 'Expected values to be strictly equal:',
  strictEqualObject: 'Expected "actual" to be reference-equal to "expected":',
  deepEqual: 'Expected values to be loosely deep-equal:',
  notDeepStrictEqual: 'Expected "actual" not to be strictly deep-equal to:',
  notStrictEqual: 'Expected "actual" to be strictly unequal to:',
  notStrictEqualObject: 'Expected "actual" not to be reference-equal to "expected":',
  notDeepEqual: 'Expected "actual" not to be loosely deep-equal to:',
  notIdentical: 'Values identical but not reference-equal:',
  sameStructure: 'Values have same structure but are not reference-equal:',
}
/** Lines that a message shows of a value. */
const MAX_LINES = 50
/** Two values that fit into a line together are shown side by side. */
const MAX_SHORT_LENGTH = 12
/** Larger texts are not compared line by line. */
const MAX_DIFF_CELLS = 250_000

const SHOWN = {
  compact: false,
  customInspect: false,
  depth: 1000,
  maxArrayLength: Infinity,
  showHidden: false,
  showProxy: false,
  sorted: true,
  getters: true,
}

const textOf = (value) => inspect(value, SHOWN)

/** Lines of both, each with `+` (actual only), `-` (expected only) or a space. */
function diffLines(actual, expected) {
  const [rows, columns] = [actual.length, expected.length]
  if (rows * columns > MAX_DIFF_CELLS) {
    return [...actual.map((line) => `+ ${line}`), ...expected.map((line) => `- ${line}`)]
  }
  const same = (left, right) => left === right || `${left},` === right || left === `${right},`
  const lengths = Array.from({ length: rows + 1 }, () => new Uint32Array(columns + 1))
  for (let i = rows - 1; i >= 0; i--) {
    for (let j = columns - 1; j >= 0; j--) {
      lengths[i][j] = same(actual[i], expected[j])
        ? lengths[i + 1][j + 1] + 1
        : Math.max(lengths[i + 1][j], lengths[i][j + 1])
    }
  }
  const lines = []
  for (let i = 0, j = 0; i < rows || j < columns; ) {
    if (i < rows && j < columns && same(actual[i], expected[j])) {
      // The last of a list has no comma, and a line shows the one that has.
      lines.push(`  ${actual[i].endsWith(',') ? actual[i] : expected[j]}`)
      i++
      j++
    } else if (j >= columns || (i < rows && lengths[i + 1][j] >= lengths[i][j + 1])) {
      lines.push(`+ ${actual[i++]}`)
    } else {
      lines.push(`- ${expected[j++]}`)
    }
  }
  return lines
}

function cut(lines, max = MAX_LINES) {
  return lines.length > max ? [...lines.slice(0, max - 1), '...'] : lines
}

const isReference = (value) =>
  (typeof value === 'object' && value !== null) || typeof value === 'function'

function differenceText(actual, expected, operator) {
  const actualLines = textOf(actual).split('\n')
  const expectedLines = textOf(expected).split('\n')
  let head = HEADS[operator]
  const references = isReference(actual) && isReference(expected)
  if (operator === 'strictEqual' && references) head = HEADS.strictEqualObject
  if (
    actualLines.length === 1 &&
    expectedLines.length === 1 &&
    actualLines[0] !== expectedLines[0]
  ) {
    const [one] = actualLines
    const [other] = expectedLines
    if (
      !references &&
      one.length + other.length <= MAX_SHORT_LENGTH &&
      (actual !== 0 || expected !== 0)
    ) {
      return `${HEADS[operator]}\n\n${one} !== ${other}\n`
    }
  }
  if (actualLines.join('\n') === expectedLines.join('\n')) {
    const same = operator === 'strictEqual' ? HEADS.sameStructure : HEADS.notIdentical
    return `${same}\n\n${cut(actualLines).join('\n')}\n`
  }
  const lines = diffLines(actualLines, expectedLines)
  return `${head}\n+ actual - expected\n\n${cut(lines, MAX_LINES * 2).join('\n')}\n`
}

function samenessText(actual, operator) {
  let head = HEADS[operator]
  if (operator === 'notStrictEqual' && isReference(actual)) head = HEADS.notStrictEqualObject
  const lines = cut(textOf(actual).split('\n'))
  return lines.length === 1
    ? `${head}${lines[0].length > 5 ? '\n\n' : ' '}${lines[0]}`
    : `${head}\n\n${lines.join('\n')}\n`
}

function looseText(actual, expected, operator) {
  let left = textOf(actual)
  let right = textOf(expected)
  if (operator === 'notDeepEqual' && left === right) {
    return `${HEADS.notDeepEqual}\n\n${left.length > 1024 ? `${left.slice(0, 1021)}...` : left}`
  }
  if (left.length > 512) left = `${left.slice(0, 509)}...`
  if (right.length > 512) right = `${right.slice(0, 509)}...`
  if (operator === 'deepEqual')
    return `${HEADS.deepEqual}\n\n${left}\n\nshould loosely deep-equal\n\n${right}`
  if (operator === 'notDeepEqual')
    return `${HEADS.notDeepEqual}\n\n${left}\n\nshould not loosely deep-equal\n\n${right}`
  return `${left} ${operator} ${right}`
}

function messageOf(actual, expected, operator) {
  if (operator === 'deepStrictEqual' || operator === 'strictEqual')
    return differenceText(actual, expected, operator)
  if (operator === 'notDeepStrictEqual' || operator === 'notStrictEqual')
    return samenessText(actual, operator)
  return looseText(actual, expected, operator)
}

export class AssertionError extends Error {
  constructor(options) {
    validateObject(options, 'options')
    const { message, operator, actual, expected, stackStartFn } = options
    super(
      message !== undefined && message !== null
        ? String(message)
        : messageOf(actual, expected, operator),
    )
    this.generatedMessage = message === undefined || message === null
    Object.defineProperty(this, 'name', {
      value: 'AssertionError',
      enumerable: false,
      writable: true,
      configurable: true,
    })
    this.code = 'ERR_ASSERTION'
    this.actual = actual
    this.expected = expected
    this.operator = operator
    this.diff = options.diff ?? 'simple'
    Error.captureStackTrace?.(this, stackStartFn)
  }

  toString() {
    return `${this.name} [${this.code}]: ${this.message}`
  }
}
