/**
 * Checks the shape of a long line before it is parsed. JSON that nests deeply or has ten thousand
 * keys costs the parser far more time than its sender.
 */
import { MAX_HEADERS } from './limits.ts'

/** Characters. A shorter line is cheap to parse, whatever it contains. */
const LONG = 1024
/** An object, its headers, a header. */
const MAX_DEPTH = 3
/** More than any message has. */
const MAX_MEMBERS = 16

const QUOTE = 0x22
const COMMA = 0x2c
const BACKSLASH = 0x5c
const ARRAY = 0x5b
const ARRAY_END = 0x5d
const OBJECT = 0x7b
const OBJECT_END = 0x7d

/** @returns false if the line cannot be a message: one flat object with at most one list of pairs */
export function couldBeMessage(line: string): boolean {
  return line.length <= LONG || isFlat(line)
}

function isFlat(line: string): boolean {
  let depth = 0
  let members = 0
  let arrays = 0
  for (let at = 0; at < line.length; at++) {
    switch (line.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(line, at)
        if (at === -1) return false
        break
      case OBJECT:
        if (depth++ > 0) return false
        break
      case ARRAY:
        if (depth === 0 || ++depth > MAX_DEPTH || ++arrays > MAX_HEADERS + 1) return false
        break
      case COMMA:
        if (depth < MAX_DEPTH && ++members > MAX_HEADERS + MAX_MEMBERS) return false
        break
      case ARRAY_END:
      case OBJECT_END:
        if (--depth < 0) return false
    }
  }
  return depth === 0
}

/** The index of the closing quote; -1 if there is none. */
function endOfString(line: string, start: number): number {
  for (let end = line.indexOf('"', start + 1); end !== -1; end = line.indexOf('"', end + 1)) {
    let before = end - 1
    while (line.charCodeAt(before) === BACKSLASH) before--
    if ((end - before) % 2 === 1) return end
  }
  return -1
}
