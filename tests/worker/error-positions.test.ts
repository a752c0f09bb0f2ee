/** The position of an error in its stack: that of what failed, not of what ran before it. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { startZygote, type TestZygote } from './harness.ts'

let zygote: TestZygote

beforeAll(async () => {
  zygote = await startZygote()
})

afterAll(() => zygote.close())

/** Each fails at the character after `^`. */
const CASES: Record<string, string> = {
  'a new whose arguments are calls': `throw ^new Error('x' +
    id(1) +
    id(2))`,
  'a new without arguments': `throw [id(1), ^new Error][1]`,
  'a call whose arguments are calls': `^u(
    id(1),
    id(2))`,
  'a call of a method': `({}).
    ^x(
    id(1),
    id(2))`,
  'a call of a call': `id(
    1)^(
    id(2))`,
  'a call with spread arguments': `^u(
    ...id([1]),
    ...id([2]))`,
  'a new with spread arguments': `^new u(
    ...id([1]),
    id(2))`,
  'a call of a private method': `class A { #m; run() { this.^#m(
    id(1)) } }
    new A().run()`,
  'an optional call': `({ f: 1 }).^f?.(
    id(1))`,
  'a template': `^u\`\${
    id(1)}\``,
  'a property': `id({}).a
    .^b.c`,
  'a property after a call': `id(
    id(1)).a.^b`,
  'an element': `u^[
    id(1)]`,
  'an assignment': `u.x
    ^= id(
    1)`,
  'an assignment to an element': `u[id(0)] ^= id(
    1)`,
  'an operator': `1n ^+
    id(
    1)`,
  'an assignment with an operator': `let n = 1n; n ^+=
    id(
    1)`,
  'an object pattern': `const
    ^{ a } = id(undefined)`,
  'an array pattern': `const
    ^[a] = u`,
  'a pattern without calls': `id(1)
    id(2)
    let ^{ a } = u`,
  'a pattern of a parameter': `id(1); (function f(^{ a },
    b = id(1)) {})()`,
  'a pattern in a pattern': `const { a: ^{ b } } = id({})`,
  'a pattern after a default': `const { a = id(
      1), b: ^{ c } } = {}`,
  'a pattern that is assigned': `let a
    id(1);
    (^{ a } = u)`,
  'a pattern of a loop': `for (const ^{ a } of [
    id(undefined)]) id(1)`,
  'a getter that a pattern reads': `const { a = id(1),
    ^b } = { get b() { throw new Error('x') } }`,
}

test.each(Object.keys(CASES))('is that of %s', async (name) => {
  const text = CASES[name] as string
  const before = text.slice(0, text.indexOf('^'))
  const lines = before.split('\n')
  const wanted = [lines.length + 2, (lines.at(-1) as string).length + 1]
  const bundle = `const u = undefined, id = (value) => value
function failing() {
${text.replace('^', '')}
}
export default () => {
  try { failing() } catch (error) { return new Response(error.stack) }
}`
  const worker = await zygote.connect()
  worker.start({ bundle })
  await worker.ready()
  const { text: stack } = await worker.invoke()
  // Methods of a class have frames of their own above failing.
  const place = stack.match(/at (?:run|f|failing) \(bundle\.js:(\d+):(\d+)\)/)
  expect([Number(place?.[1]), Number(place?.[2])]).toEqual(wanted)
})
