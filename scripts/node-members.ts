/**
 * Writes src/bundles/node-members.json and the table of docs/node-modules.md: the members of Node's modules that a worker has and lacks. Run
 * it after a change of guest/node and a build: `node-members.ts [NODE]`. What the worker has is asked
 * of a worker, what Node has is kept from the list, and added from the program NODE if it is named.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { membersTable, type NodeMembers } from '../src/bundles/node-members.ts'
import { NODE_MODULES } from '../src/bundles/node-modules.ts'
import { exportsOfModules } from '../tests/worker/node-exports.ts'

const LIST = 'src/bundles/node-members.json'
const PAGE = 'docs/node-modules.md'
/** Members that only Node's own tests and old programs name. */
const INTERNAL = /^_|^(?:SlowBuffer|usingDomains|init)$/
/**
 * What `process` lacks and packages call without a test. It has no stubs of its other functions: packages
 * look at them, by `?.()` too, to tell Node from the Web, POSIX from Windows, and old Node from new.
 */
const OF_PROCESS = ['abort', 'chdir', 'cpuUsage', 'kill', 'memoryUsage', 'resourceUsage', 'umask']

type Members = Record<string, NodeMembers>
type Values = NonNullable<NodeMembers['values']>

/** The modules of Node, without its parts of earlier times. */
function modulesOf(node: string): string[] {
  const names: string[] = printed(node, "require('module').builtinModules") ?? []
  return names.filter((name) => !INTERNAL.test(name))
}

/** The members of Node's module that are functions, classes or objects, and its other values. */
function membersOf(node: string, module: string): { names: string[]; values: Values } | undefined {
  const isStub = NODE_MODULES[module] === undefined
  const kinds = isStub ? "['function', 'object']" : "['function']"
  const code = `import('node:${module}').then((m) => {
    const all = Object.entries({ ...m, ...m.default }).filter(([key]) => key !== 'default')
    const isPlain = (value) => value === null || ['string', 'number', 'boolean'].includes(typeof value)
    const isTable = (value) => Object.keys(value ?? {}).length > 0 && !Array.isArray(value) && Object.values(value).every(isPlain)
    const isValue = ([, value]) => isPlain(value) || (typeof value === 'object' && isTable(value))
    const isName = (entry) => entry[1] !== null && ${kinds}.includes(typeof entry[1]) && !isValue(entry)
    const names = all.filter(isName).map(([key]) => key)
    return { names, values: Object.fromEntries(all.filter(isValue)) }
  })`
  return printed(node, code)
}

function printed<T>(node: string, expression: string): T | undefined {
  const code = `Promise.resolve(${expression}).then((value) => console.log(JSON.stringify(value)))`
  const { stdout, exitCode } = Bun.spawnSync([node, '--no-warnings', '-e', code])
  return exitCode === 0 ? (JSON.parse(stdout.toString()) as T) : undefined
}

const known = JSON.parse(readFileSync(LIST, 'utf8')) as Members
const [node] = process.argv.slice(2)
const own = await exportsOfModules()
const next: Members = {}
const modules = new Set([...Object.keys(NODE_MODULES), ...Object.keys(known)])
if (node !== undefined) for (const module of modulesOf(node)) modules.add(module)
for (const module of [...modules].sort()) {
  const has = own[module] ?? []
  const found = node === undefined ? undefined : membersOf(node, module)
  const names =
    module === 'process' ? OF_PROCESS : [...(known[module]?.lacks ?? []), ...(found?.names ?? [])]
  const isMember = (name: string) => !INTERNAL.test(name) && /^[A-Za-z]\w*$/.test(name)
  const lacks = [...new Set(names)].filter((name) => !has.includes(name) && isMember(name)).sort()
  const { needs } = NODE_MODULES[module] ?? {}
  const mayBeStub = NODE_MODULES[module] === undefined || needs !== undefined
  const given = Object.entries(found?.values ?? known[module]?.values ?? {})
  const values = mayBeStub ? given.filter(([name]) => isMember(name)) : []
  next[module] = { has, lacks, ...(values.length > 0 && { values: Object.fromEntries(values) }) }
}
writeFileSync(LIST, `${JSON.stringify(next, null, 2)}\n`)
const [text = ''] = readFileSync(PAGE, 'utf8').split(/(?<=<!-- .* the table. -->\n)/)
writeFileSync(PAGE, `${text}\n${membersTable(next)}`)
