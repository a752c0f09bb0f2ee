import { type AST, getStaticTOMLValue, ParseError, parseTOML } from 'toml-eslint-parser'
import { FunctionError } from '../errors.ts'
import { withoutMark } from '../lib/json.ts'
import { MAX_SMALL_FILE_BYTES, readSmallFile, TooLarge } from '../lib/small-file.ts'

/** One `key = value` of the file. */
export interface FileEntry {
  /** Table and name, joined by dots; only the table if it is empty. */
  key: string
  value: unknown
  line: number
}

/**
 * Reads the settings of a configuration file with their lines; undefined if the file does not exist.
 *
 * @throws {FunctionError} CONFIG_INVALID with file and line
 */
export function readConfigFile(path: string): FileEntry[] | undefined {
  let text: string
  try {
    text = withoutMark(readSmallFile(path))
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    if (code === 'ENOENT') {
      return undefined
    }
    const message =
      cause instanceof TooLarge
        ? `The configuration file ${path} is larger than ${MAX_SMALL_FILE_BYTES} bytes: name a file with settings.`
        : `The configuration file ${path} cannot be read (${code}): check that it is a file that this user may read.`
    throw new FunctionError('CONFIG_INVALID', message, { cause })
  }
  try {
    return parseTOML(text).body[0].body.flatMap(entriesOf)
  } catch (cause) {
    if (cause instanceof ParseError) {
      const line = faultLine(text, cause)
      const message = `${path}:${line}: invalid TOML: ${cause.message}.`
      throw new FunctionError('CONFIG_INVALID', message, {
        cause,
        position: { file: path, line, column: 1 },
      })
    }
    throw cause
  }
}

/** The parser reports something unterminated only on the line after it. */
function faultLine(text: string, error: ParseError): number {
  const behindText = error.index >= text.trimEnd().length
  const lines = text.slice(0, error.index).trimEnd().split('\n').length
  return behindText || error.message.startsWith('Unterminated') ? lines : error.lineNumber
}

function entriesOf(node: AST.TOMLTable | AST.TOMLKeyValue): FileEntry[] {
  if (node.type === 'TOMLKeyValue') {
    return flatten(nameOf(node.key), node.value, node.loc.start.line)
  }
  const table = nameOf(node.key)
  if (node.kind === 'array') {
    return [{ key: table, value: [], line: node.loc.start.line }]
  }
  const pairs = node.body.flatMap((pair) =>
    flatten(`${table}.${nameOf(pair.key)}`, pair.value, pair.loc.start.line),
  )
  return pairs.length === 0 ? [{ key: table, value: {}, line: node.loc.start.line }] : pairs
}

/** `server = { port = 1 }` means the same as `[server]` and `port = 1`. */
function flatten(key: string, value: AST.TOMLContentNode, line: number): FileEntry[] {
  if (value.type === 'TOMLInlineTable') {
    return value.body.flatMap((pair) =>
      flatten(`${key}.${nameOf(pair.key)}`, pair.value, pair.loc.start.line),
    )
  }
  return [{ key, value: getStaticTOMLValue(value), line }]
}

function nameOf(key: AST.TOMLKey): string {
  return key.keys.map((part) => (part.type === 'TOMLBare' ? part.name : part.value)).join('.')
}
