/** What Node's modules really export in a worker. */
import { NODE_MODULES } from '../../src/bundles/node-modules.ts'
import { bundleOf, startZygote } from './node-harness.ts'

/** Own properties of a default export that every function or class has. */
const OF_FUNCTIONS = ['length', 'name', 'prototype', 'arguments', 'caller']

/** By module: its named exports and the own properties of its default export, sorted. */
export async function exportsOfModules(): Promise<Record<string, string[]>> {
  const names = Object.keys(NODE_MODULES)
  // The sources themselves, without the members that are added for what they lack.
  const imports = names.map((name, i) => `import * as m${i} from 'node:${name}'`)
  // The members of a module that are in a bundle only if its code names them.
  const extra = Object.values(NODE_MODULES).flatMap((module) => module.extra?.members ?? [])
  const source = `// ${extra.join(' ')}
    ${imports.join('\n')}
    const all = { ${names.map((name, i) => `'${name}': m${i}`).join(', ')} }
    const isThere = (value) => typeof value !== 'undefined' || value === undefined
    export default () => Response.json(Object.fromEntries(Object.entries(all).map(([name, m]) => {
      const named = Object.keys(m).filter((key) => key !== 'default' && isThere(m[key]))
      const own = Object.getOwnPropertyNames(m.default)
      return [name, [...new Set([...named, ...own])].sort()]
    })))`
  const capabilities = { allowFilesystem: true, allowChildProcess: true }
  const bundle = await bundleOf(source, capabilities)
  const zygote = await startZygote()
  try {
    const worker = await zygote.worker({ bundle, capabilities })
    const found = (await worker.json()) as Record<string, string[]>
    for (const [name, list] of Object.entries(found)) {
      found[name] = list.filter((one) => !OF_FUNCTIONS.includes(one))
    }
    return found
  } finally {
    await zygote.close()
  }
}
