/** Runs one file in its own worker, as a script that the worker's handler evaluates. */
import type { TestZygote } from '../worker/harness.ts'
import { harnessFile, type TestFile } from './sample.ts'

const CAPABILITIES = { allowEval: true }
const TIMEOUT_MS = 20_000

/**
 * The host functions of the suite (INTERPRETING.md, 'Host-Defined Functions') that a worker can
 * offer, then the script in each mode that it requires. An exception is reported by the name of its
 * constructor.
 */
const BUNDLE = `
const evaluate = eval
const { Promise, Response, String, setTimeout } = globalThis
let said
globalThis.print = (text) => { said = String(text) }
globalThis.$262 = {
  global: globalThis,
  gc() {},
  evalScript: (text) => evaluate(text),
  detachArrayBuffer: (buffer) => { structuredClone(buffer, { transfer: [buffer] }) },
}
const nameOf = (error) => {
  try { return error?.constructor?.name ?? typeof error } catch { return 'unknown' }
}
export default async (request) => {
  const { done, script } = await request.json()
  evaluate(done)
  let thrown
  try { evaluate(script) } catch (error) { thrown = nameOf(error) + ': ' + String(error?.message) }
  for (let i = 0; done !== '' && thrown === undefined && said === undefined && i < 200; i++) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return new Response((thrown ?? '') + '\\0' + (said ?? ''))
}`

/** Undefined when the file passes; otherwise the reason. */
export async function runTest(
  template: TestZygote,
  root: string,
  file: TestFile,
): Promise<string | undefined> {
  for (const strict of modesOf(file)) {
    const failure = await runMode(template, root, file, strict)
    if (failure !== undefined) return strict ? `strict: ${failure}` : failure
  }
  return undefined
}

function modesOf({ metadata: { flags } }: TestFile): boolean[] {
  if (flags.includes('onlyStrict')) return [true]
  return flags.includes('noStrict') || flags.includes('raw') ? [false] : [false, true]
}

async function runMode(
  template: TestZygote,
  root: string,
  file: TestFile,
  strict: boolean,
): Promise<string | undefined> {
  const { flags, includes, negative } = file.metadata
  const isAsync = flags.includes('async')
  const files = flags.includes('raw') ? [] : ['assert.js', 'sta.js', ...includes]
  // The harness looks these up as globals.
  const done = isAsync ? harnessFile(root, 'doneprintHandle.js') : ''
  // Evaluated as one string: `let` and `const` of an evaluated script are local to it.
  const parts = [...files.map((name) => harnessFile(root, name)), file.source]
  const script = `${strict ? '"use strict";\n' : ''}${parts.join('\n')}`
  const worker = await template.worker({ bundle: BUNDLE, capabilities: CAPABILITIES })
  try {
    const { status, text, error } = await worker.invoke({
      ...{ method: 'POST', body: Buffer.from(JSON.stringify({ done, script })) },
      deadlineMs: TIMEOUT_MS,
      cpuMs: TIMEOUT_MS,
    })
    if (status === undefined) return `no answer: ${error?.message ?? 'the worker ended'}`
    const [thrown = '', said = ''] = text.split('\0')
    return judge(thrown, said, negative?.type, isAsync)
  } finally {
    worker.close()
  }
}

/** @param said the last line that was printed */
function judge(thrown: string, said: string, expected: string | undefined, isAsync: boolean) {
  if (expected !== undefined) {
    if (thrown.startsWith(`${expected}:`)) return undefined
    return `${expected} expected, not ${thrown || 'nothing'}`
  }
  if (thrown !== '') return thrown
  return !isAsync || said === 'Test262:AsyncTestComplete' ? undefined : said || 'never done'
}
