/**
 * Makes .build/worker-types.pack, the declarations that `functions types` writes. From TypeScript's
 * library for workers it takes exactly the globals that a worker has, with the types that these name.
 * src/types/base.d.ts declares the other globals and those that differ.
 */
import { Glob } from 'bun'
import { WORKER_GLOBALS } from '../src/types/globals.ts'

interface Statement {
  text: string
  /** `var` and `function` declare values; the others declare only types. */
  kind: string
  name: string
}

const library = [...new Glob('node_modules/@typescript/*/lib/lib.webworker.d.ts').scanSync()][0]
if (library === undefined)
  throw new Error("TypeScript's lib.webworker.d.ts does not exist. Run scripts/build.sh.")
const base = await Bun.file('src/types/base.d.ts').text()

/** Comments are left out, because they take ten times the space of the declarations. */
const withoutComments = (text: string) =>
  text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '').replace(/^\s*\n/gm, '')

/** The statements of a library. Each begins at the start of a line; its inner lines are indented. */
function statementsOf(text: string): Statement[] {
  const parts = withoutComments(text).split(/\n(?=(?:declare |interface |type ))/)
  return parts.flatMap((part) => {
    const match = /^(?:declare )?(var|function|interface|type|namespace) (\w+)/.exec(part)
    const [, kind = '', name = ''] = match ?? []
    return match === null ? [] : [{ text: part.trimEnd(), kind, name }]
  })
}

const isValue = ({ kind }: Statement) => kind === 'var' || kind === 'function'
/** The statements of base.d.ts come first. A global that no worker has is left out. */
const [head = '', ...paragraphs] = base.trimEnd().split('\n\n')
const ours = paragraphs.filter((text) =>
  statementsOf(text).every(
    (statement) => !isValue(statement) || WORKER_GLOBALS.includes(statement.name),
  ),
)
const own = ours.flatMap(statementsOf)
const ownNames = new Set(own.map(({ name }) => name))
const byName = Map.groupBy(statementsOf(await Bun.file(library).text()), ({ name }) => name)

const chosen = new Set<Statement>()
const queue: string[] = []

function choose(statement: Statement): void {
  if (chosen.has(statement)) return
  chosen.add(statement)
  for (const [name] of statement.text.matchAll(/\b[A-Z]\w+/g)) queue.push(name)
}

for (const name of WORKER_GLOBALS) {
  if (own.some((statement) => statement.name === name && isValue(statement))) continue
  const found = (byName.get(name) ?? []).filter(isValue)
  if (found.length === 0)
    throw new Error(`No library and not src/types/base.d.ts declares the global ${name}.`)
  for (const statement of found) choose(statement)
}
for (const { text } of own) {
  for (const [name] of text.matchAll(/\b[A-Z]\w+/g)) queue.push(name)
}
for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
  if (ownNames.has(name)) continue
  // As a type only, because it is not a global of a worker.
  for (const statement of byName.get(name) ?? []) if (!isValue(statement)) choose(statement)
}

const taken = [...chosen].sort((left, right) =>
  left.name === right.name ? left.kind.localeCompare(right.kind) : left.name < right.name ? -1 : 1,
)
const parts = [head, ...ours, ...taken.map((statement) => statement.text)]
await Bun.write('.build/worker-types.pack', `${parts.join('\n\n')}\n`)
