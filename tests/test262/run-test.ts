/** Runs one file in a worker of its own, as a script that the worker's handler evaluates. */
import type { TestZygote } from '../worker/harness.ts'
import { harnessFile, type TestFile } from './sample.ts'

const CAPABILITIES = { allowEval: true }
const TIMEOUT_MS = 20_000

/**
 * The host of the suite (INTERPRETING.md, 'Host-Defined Functions'), as far as a worker has it; then the
 * script in each mode that it asks for. What it throws is told by its constructor's name.
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

/** Undefined where the file passes; else why not. */
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
  // Looked for among the globals.
  const done = isAsync ? harnessFile(root, 'doneprintHandle.js') : ''
  // In one piece: what an evaluated script declares by let and const is its own.
  const parts = [...files.map((name) => harnessFile(root, name)), file.source]
  const script = `${strict ? '"use strict";\n' : ''}${parts.join('\n')}`
  const worker = await template.worker({ bundle: BUNDLE, capabilities: CAPABILITIES })
  try {
    const { status, text, error } = await worker.invoke({
      ...{ method: 'POST', body: Buffer.from(JSON.stringify({ done, script })) },
      ...{ deadlineMs: TIMEOUT_MS, cpuMs: TIMEOUT_MS },
    })
    if (status === undefined) return `no answer: ${error?.message ?? 'the worker ended'}`
    const [thrown = '', said = ''] = text.split('\0')
    return judge(thrown, said, negative?.type, isAsync)
  } finally {
    worker.close()
  }
}

/** @param said the last that was printed */
function judge(thrown: string, said: string, expected: string | undefined, isAsync: boolean) {
  if (expected !== undefined) {
    if (thrown.startsWith(`${expected}:`)) return undefined
    return `${expected} expected, not ${thrown || 'nothing'}`
  }
  if (thrown !== '') return thrown
  return !isAsync || said === 'Test262:AsyncTestComplete' ? undefined : said || 'never done'
}
