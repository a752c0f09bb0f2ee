/**
 * Writes the streams module of the worker out of web-streams-polyfill: `streams-ponyfill.ts OUT.js`.
 * scripts/build.sh calls it.
 *
 * The ponyfill was written for pages that trust their scripts. Here a tenant may replace any method
 * and any global, so each place where it looks one up gets what guest/quickjs/web/streams-builtins.js
 * kept of it. A change that does not fit the package's text exactly means that the package moved:
 * nothing is written, and the change is named.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { CHANGES, PATTERNS } from './streams-ponyfill-changes.ts'

const PACKAGE = 'node_modules/web-streams-polyfill/dist/ponyfill.mjs'

/** What of the language may stay as it is: it looks nothing up when a tenant's code has run. */
const FORBIDDEN = [
  /\binstanceof\b/,
  /\.(call|apply|bind|map|slice|set|push\.|transfer|isView|detached)\(/,
  /\bPromise\.(all|race|reject|prototype)/,
  /\b(globalThis|self|global)\b/,
  /=\{\}[,)]/,
]

let text = readFileSync(PACKAGE, 'utf8')
for (const [name, search, replacement] of CHANGES) {
  const count = text.split(search).length - 1
  if (count !== 1) throw new Error(`${PACKAGE}: '${name}' occurs ${count} times`)
  text = text.replace(search, () => replacement)
}
for (const [name, pattern, replacement, expected] of PATTERNS) {
  const count = [...text.matchAll(pattern)].length
  if (count !== expected) throw new Error(`${PACKAGE}: '${name}' occurs ${count} times`)
  text = text.replace(pattern, replacement)
}
for (const pattern of FORBIDDEN) {
  const found = pattern.exec(text)
  if (found !== null) {
    throw new Error(`${PACKAGE}: '${text.slice(found.index - 40, found.index + 40)}' is not safe`)
  }
}
const path = process.argv[2]
if (path === undefined) throw new Error('usage: streams-ponyfill.ts OUT.js')
writeFileSync(path, text)
