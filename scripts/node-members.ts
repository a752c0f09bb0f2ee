/**
 * Writes src/bundles/node-members.json and the table of docs/node-modules.md: the members of Node's modules that a worker has and lacks. Run
 * it after a change of guest/node and a build: `node-members.ts [NODE]`. What the worker has is asked
 * of a worker, what Node has is kept from the list, and added from the program NODE if it is named.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { membersTable } from '../src/bundles/node-members.ts'
import { NODE_MODULES } from '../src/bundles/node-modules.ts'
import { exportsOfModules } from '../tests/worker/node-exports.ts'

const LIST = 'src/bundles/node-members.json'
const PAGE = 'docs/node-modules.md'
/** Members that only Node's own tests and old programs name. */
const INTERNAL = /^_|^(?:SlowBuffer|usingDomains|init)$/

type Members = Record<string, { has: string[]; lacks: string[] }>

/** The functions and classes of Node's module. */
function functionsOf(node: string, module: string): string[] {
  const code = `import('node:${module}').then((m) => { const all = { ...m, ...m.default }
    console.log(Object.keys(all).filter((k) => k !== 'default' && typeof all[k] === 'function').join()) })`
  const { stdout, exitCode } = Bun.spawnSync([node, '--no-warnings', '-e', code])
  return exitCode === 0 ? stdout.toString().trim().split(',') : []
}

const known = JSON.parse(readFileSync(LIST, 'utf8')) as Members
const [node] = process.argv.slice(2)
const own = await exportsOfModules()
const next: Members = {}
for (const module of Object.keys(NODE_MODULES).sort()) {
  const has = own[module] ?? []
  // A worker's process is not Node's, and packages look at it to tell the two apart.
  const names =
    module === 'process'
      ? []
      : [...(known[module]?.lacks ?? []), ...(node ? functionsOf(node, module) : [])]
  const lacks = [...new Set(names)]
    .filter((name) => !has.includes(name) && !INTERNAL.test(name) && /^[A-Za-z]\w*$/.test(name))
    .sort()
  next[module] = { has, lacks }
}
writeFileSync(LIST, `${JSON.stringify(next, null, 2)}\n`)
const [text = ''] = readFileSync(PAGE, 'utf8').split(/(?<=<!-- .* the table. -->\n)/)
writeFileSync(PAGE, `${text}\n${membersTable(next)}`)
