/** Writes the lines of the protocol: JSON in printable ASCII, so that a line is as long as it looks. */

const BEYOND_ASCII = /[^\x20-\x7e]/
const EVERY_BEYOND_ASCII = /[^\x20-\x7e]/g

/** JSON of a value, all of it in 0x20 to 0x7e; lone surrogates survive as their escapes. */
export function asciiJson(value: unknown): string {
  const json = JSON.stringify(value)
  return BEYOND_ASCII.test(json) ? json.replace(EVERY_BEYOND_ASCII, escapeUnit) : json
}

/** One whole line, newline included. */
export function encodeLine(message: object): string {
  return `${asciiJson(message)}\n`
}

/** Without the `u` flag the pattern matches code units, so a pair becomes two escapes, as JSON has it. */
function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}
