/**
 * Writes the streams module of the worker out of web-streams-polyfill: `streams-ponyfill.ts OUT.js`.
 * scripts/build.sh calls it.
 *
 * The package was written for pages that trust their scripts. Here a script may replace any method and
 * any global, so the patches use the originals that guest/quickjs/web/streams/streams-builtins.js keeps. The package
 * ships minified code only: it is broken into lines first, which changes no token. A patch that does
 * not fit is named, and nothing is written.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { breakLines } from './line-breaks.ts'

const PACKAGE = 'node_modules/web-streams-polyfill/dist/ponyfill.mjs'
const PATCHES = 'guest/quickjs/patches/web-streams-polyfill'

/** Code that looks a name up at run time, when a script may have replaced it. */
const FORBIDDEN = [
  /\binstanceof\b/,
  /\.(call|apply|bind|map|slice|set|push\.|transfer|isView|detached)\(/,
  /\bPromise\.(all|race|reject|prototype)/,
  /\b(globalThis|self|global)\b/,
  /=\{\}[,)]/,
]

const path = process.argv[2]
if (path === undefined) throw new Error('usage: streams-ponyfill.ts OUT.js')
const folder = mkdtempSync(join(tmpdir(), 'functions-streams-'))
try {
  const file = join(folder, 'ponyfill.mjs')
  writeFileSync(file, breakLines(readFileSync(PACKAGE, 'utf8')))
  const command = ['python3', '-B', 'scripts/apply-patches.py', PATCHES, folder]
  const { exitCode } = Bun.spawnSync(command, { stdout: 'inherit', stderr: 'inherit' })
  if (exitCode !== 0) process.exit(1)
  const text = readFileSync(file, 'utf8')
  for (const pattern of FORBIDDEN) {
    const found = pattern.exec(text)
    if (found !== null) {
      const around = text.slice(Math.max(0, found.index - 40), found.index + 40)
      throw new Error(
        `${PACKAGE}: '${around}' looks up a name that a script may have replaced. Add a patch.`,
      )
    }
  }
  writeFileSync(path, text)
} finally {
  rmSync(folder, { recursive: true })
}
