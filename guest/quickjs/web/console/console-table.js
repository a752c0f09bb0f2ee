// console.table: rows of data, with a column for each property.

import { classOf } from 'fn:web'
import {
  ArrayIsArray,
  ArrayPrototypeIncludes,
  ArrayPrototypeJoin,
  ArrayPrototypePush,
  MapPrototypeForEach,
  MathMax,
  ObjectGetOwnPropertyDescriptor,
  ObjectKeys,
  SetPrototypeForEach,
  StringPrototypePadEnd,
  StringPrototypeRepeat,
  TypedArrayPrototypeGetLength,
} from '../idl/primordials.js'
import { inspect } from './inspect.js'

const MAX_ROWS = 1000
const INDEX = '(index)'
const VALUES = 'Values'

function addRow(rows, name, value) {
  if (rows.length < MAX_ROWS) ArrayPrototypePush(rows, { __proto__: null, name, value })
}

function readRows(data) {
  const rows = []
  const kind = classOf(data)
  let index = 0
  if (kind === 'Map') {
    MapPrototypeForEach(data, (value, key) => addRow(rows, inspect(key), value))
  } else if (kind === 'Set') {
    SetPrototypeForEach(data, (value) => addRow(rows, `${index++}`, value))
  } else if (kind === 'Array' || kind === 'TypedArray') {
    const length = kind === 'Array' ? data.length : TypedArrayPrototypeGetLength(data)
    for (let i = 0; i < length && i < MAX_ROWS; i++) {
      addRow(rows, `${i}`, ObjectGetOwnPropertyDescriptor(data, i)?.value)
    }
  } else {
    const keys = ObjectKeys(data)
    for (let i = 0; i < keys.length; i++) {
      addRow(rows, keys[i], ObjectGetOwnPropertyDescriptor(data, keys[i])?.value)
    }
  }
  return rows
}

const isRecord = (value) => {
  const kind = classOf(value)
  return kind !== '' && kind !== 'Proxy' && kind !== 'Function'
}

/** The cells of a row by column; adds new columns to `columns`. */
function readCells(value, columns, fixed) {
  const cells = { __proto__: null }
  if (!isRecord(value)) {
    cells[VALUES] = inspect(value, 0)
    return cells
  }
  const keys = ObjectKeys(value)
  for (let i = 0; i < keys.length; i++) {
    const property = ObjectGetOwnPropertyDescriptor(value, keys[i])
    if (property === undefined) continue
    if (!fixed && !ArrayPrototypeIncludes(columns, keys[i])) ArrayPrototypePush(columns, keys[i])
    cells[keys[i]] = 'value' in property ? inspect(property.value, 0) : '[Getter]'
  }
  return cells
}

function draw(lines) {
  const widths = []
  for (let row = 0; row < lines.length; row++) {
    for (let i = 0; i < lines[row].length; i++) {
      const width = lines[row][i].length + 2
      if (i < widths.length) widths[i] = MathMax(widths[i], width)
      else ArrayPrototypePush(widths, width)
    }
  }
  const rule = (left, middle, right) => {
    const parts = []
    for (let i = 0; i < widths.length; i++) {
      ArrayPrototypePush(parts, StringPrototypeRepeat('─', widths[i]))
    }
    return `${left}${ArrayPrototypeJoin(parts, middle)}${right}`
  }
  const text = [rule('┌', '┬', '┐')]
  for (let row = 0; row < lines.length; row++) {
    const cells = []
    for (let i = 0; i < widths.length; i++) {
      ArrayPrototypePush(cells, ` ${StringPrototypePadEnd(lines[row][i], widths[i] - 1)}`)
    }
    ArrayPrototypePush(text, `│${ArrayPrototypeJoin(cells, '│')}│`)
    if (row === 0) ArrayPrototypePush(text, rule('├', '┼', '┤'))
  }
  ArrayPrototypePush(text, rule('└', '┴', '┘'))
  return ArrayPrototypeJoin(text, '\n')
}

/** Undefined when the data has no rows. */
export function formatTable(data, only) {
  if (!isRecord(data)) return undefined
  const rows = readRows(data)
  const columns = []
  if (ArrayIsArray(only)) {
    for (let i = 0; i < only.length; i++) ArrayPrototypePush(columns, `${only[i]}`)
  }
  const cells = []
  let hasValues = false
  for (let i = 0; i < rows.length; i++) {
    ArrayPrototypePush(cells, readCells(rows[i].value, columns, ArrayIsArray(only)))
    hasValues = hasValues || VALUES in cells[i]
  }
  if (hasValues) ArrayPrototypePush(columns, VALUES)
  const head = [INDEX]
  for (let i = 0; i < columns.length; i++) ArrayPrototypePush(head, columns[i])
  const lines = [head]
  for (let i = 0; i < rows.length; i++) {
    const line = [rows[i].name]
    for (let k = 0; k < columns.length; k++) ArrayPrototypePush(line, cells[i][columns[k]] ?? '')
    ArrayPrototypePush(lines, line)
  }
  return draw(lines)
}
