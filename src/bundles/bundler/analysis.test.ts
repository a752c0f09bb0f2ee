import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { marked } from '../globals.ts'
import { globalUses, handledImports } from './analysis.ts'

setDefaultTimeout(60_000)

const NAMES = ['document', 'window', 'WebSocket', 'localStorage', 'Worker', 'Deno'] as const
const MARKED = new Map(NAMES.map((name) => [marked(name), name]))

/** The names that may fail in a worker; `~name` in the code is a mark of the bundler. */
function harmful(source: string): string[] {
  const code = source.replace(/~(\w+)/g, (_, name) => marked(name))
  const found = globalUses(code, MARKED)
  if (found === undefined) throw new Error('not analysed')
  const marks = [...code.matchAll(new RegExp([...MARKED.keys()].join('|'), 'g'))]
  return marks
    .filter(({ index }) => !found.harmless.includes(index))
    .map(([mark]) => MARKED.get(mark) ?? '')
}

describe('a use of a missing global', () => {
  test('counts if nothing tests for it', () => {
    for (const source of [
      '~document.x',
      '~document?.x',
      'new ~Worker(x)',
      'try { ~document.x } finally {}',
      'try { y() } catch { ~document.x }',
      'try { f(() => ~document.x) } catch {}',
      'switch (typeof ~document) { case "object": y(); default: ~document.x }',
      'switch (y) { case "object": ~document.x }',
      'const p = (() => { if (y) return "a"; return "b" })(); if (p === "a") ~document.x',
      'const o = { ...y, has: true }; if (o.has) ~document.x; ',
      'const o = { has: false }; o.has = y; if (o.has) ~document.x',
      'const o = { ...y }; if (o.has) ~document.x',
      'if (x || typeof ~document !== "undefined") ~document.x',
      'if (typeof ~document === "undefined") ~document.x',
      'const W = globalThis.~WebSocket; new W()',
      'globalThis.~document.title',
      'globalThis.~document()',
      'typeof ~document !== "undefined" || ~document.x',
      'const has = typeof ~document === "undefined"; has && ~document.x',
      'let a; if (y) a = typeof ~document; a = 1; a && ~document.x',
      'async function f() { return typeof ~document !== "undefined" } if (f()) ~document.x',
      'function* f() { return typeof ~document !== "undefined" } if (f()) ~document.x',
      'const f = (has = typeof ~document !== "undefined") => { if (has) ~document.x }',
      'let made; function f() { if (!made) made = new ~Worker(); return made }',
      'function f(self) { if (self.document) ~document.x }',
    ]) {
      expect([source, harmful(source)]).toEqual([source, [expect.any(String)]])
    }
  })

  test('does not count behind a test that fails in a worker', () => {
    for (const source of [
      'typeof ~document',
      'if (typeof ~document !== "undefined") ~document.x',
      'if (typeof ~window == "undefined") { y() } else { ~document.x; ~window.x }',
      'if (typeof ~document === "object" && y) ~document.x',
      'if (y && typeof ~document === "object") ~document.x',
      'if (!(typeof ~window === "undefined") && y) ~document.x',
      'typeof ~document !== "undefined" && ~document.x',
      'typeof ~document === "undefined" || ~document.x',
      'x = typeof ~document === "undefined" ? 1 : ~document.x',
      'while (typeof ~window === "object") ~window.x',
      'for (; typeof ~window === "object"; ) ~window.x',
      'function f() { if (typeof ~window === "undefined") return; ~window.x }',
      'function f() { if (typeof ~window === "undefined") { y(); throw 1 } return () => ~document.x }',
      'while (y) { if (typeof ~window === "undefined") break; ~window.x }',
      'if (globalThis.~document !== undefined) ~document.x',
      'if (globalThis.~document != null) ~document.x',
      'if (self.~document) ~document.x',
      'if (typeof (0, globalThis.~document) !== "undefined") ~document.x',
      'if ("document" in globalThis) ~document.x',
      'if (Object.hasOwn(globalThis, "document")) ~document.x',
      'if (globalThis.hasOwnProperty("document")) ~document.x',
      'if (Boolean(globalThis.~document)) ~document.x',
      'globalThis.~document?.x.y()',
      'globalThis.~Worker?.()',
      'const a = globalThis.~localStorage ?? memory',
      'const a = globalThis.~localStorage || memory',
      'const g = globalThis; if (typeof g.WebSocket !== "undefined") new ~WebSocket()',
      'const has = typeof ~document !== "undefined"; function f() { if (has) ~document.x }',
      'var w = typeof ~window !== "undefined" ? ~window : null; if (w && w.x) ~document.x',
      'const has = () => typeof ~window !== "undefined" && typeof ~document !== "undefined"; if (has()) ~document.x',
      'function has() { return typeof ~window !== "undefined" } function f() { if (!has()) return; ~window.x }',
      'function has() { if (typeof ~window === "undefined") return false; return y } has() && ~window.x',
      'var has; var init_a = __esm(() => { has = () => typeof ~window !== "undefined" }); function f() { if (has()) ~window.x }',
      'function f() { try { return ~localStorage } catch (e) {} }',
      'try { ~document.x } catch { y() }',
      'switch (typeof ~document) { case "object": ~document.x; case "function": ~document.y; break; default: y() }',
      'switch (typeof ~document) { case "undefined": y(); break; case "object": ~document.x }',
      'const f = () => { if (typeof ~Deno !== "undefined" && ~Deno.build) return "deno"; if (y) return "node"; return "?" }; const p = f(); if (p === "deno") ~Deno.exit()',
      'var has = typeof ~window !== "undefined"; var e = {}; __export(e, { has: () => has, o: () => y }); var own = { o: 1 }; var p = { ...e, ...own }; x = p.has ? ~document.x : 1',
      'if (typeof ~Deno !== "undefined" && ~Deno.version) ~Deno.exit()',
    ]) {
      expect([source, harmful(source)]).toEqual([source, []])
    }
  })

  test('counts in a function that is declared behind a return, which others may call', () => {
    const source = 'function f() { return g(); function g() { ~document.x } }'
    expect(harmful(source)).toEqual(['document'])
  })
})

describe('an error for a missing global is found', () => {
  const named = (source: string) => {
    const code = source.replace(/~(\w+)/g, (_, name) => marked(name))
    return globalUses(code, MARKED)?.messages.map(({ name }) => name)
  }

  test('by its text, or since the test for it throws', () => {
    expect(named('throw new Error("WebSocket is not supported")')).toEqual(['WebSocket'])
    expect(named(`x = { error: \`no localStorage in \${y}\` }`)).toEqual(['localStorage'])
    expect(named('if (typeof ~document === "undefined") throw new Error("!")')).toEqual([
      'document',
    ])
    expect(named('if (!globalThis.~Deno) { throw 1 }')).toEqual(['Deno'])
  })

  test('but not by a word of English, a text about something else, or where it does not run', () => {
    expect(named('throw new Error("document not found")')).toEqual([])
    expect(named('x = "WebSocket"')).toEqual([])
    expect(named('if (typeof ~window === "object") throw new Error("no WebSocket")')).toEqual([])
    expect(named('if (typeof ~document !== "undefined") throw 1')).toEqual([])
  })
})

describe('hostile code', () => {
  test('that is nested, long or invalid is not analysed, or in a short time', () => {
    for (const source of [
      `${'{'.repeat(100_000)}${'}'.repeat(100_000)}`,
      `x = ${'!'.repeat(200_000)}y`,
      `x = ${Array(100_000).fill('a').join(' && ')}`,
      `x = ${Array(100_000).fill('a').join(' + ')}`,
      'const const',
      `/*${' '.repeat(9 * 2 ** 20)}*/`,
    ]) {
      expect(() => globalUses(source, MARKED)).not.toThrow()
      expect(() => handledImports(source)).not.toThrow()
    }
    expect(globalUses('const const', MARKED)).toBeUndefined()
    expect(handledImports('const const')).toEqual([])
  })

  test('whose values depend on each other ends', () => {
    const source = `
      var a = b || 1, b = a || c, c = () => c();
      function f() { return g() && f() } function g() { return f() || g() }
      if (f() && c()) ~document.x`
    expect(harmful(source)).toEqual(['document'])
  })

  test('with the names of prototypes is read as any other', () => {
    const source =
      'if ("constructor" in globalThis && globalThis.__proto__ && toString) ~document.x'
    expect(harmful(source)).toEqual(['document'])
    expect(handledImports('try { require("__proto__") } catch {}')).toEqual(['__proto__'])
  })
})

test('an import is handled in a try that catches, with catch() and with then(_, onRejected)', () => {
  for (const source of [
    'try { require("x") } catch {}',
    'try { await import("x") } catch (e) { throw e }',
    'try { try { require("x") } finally {} } catch {}',
    'import("x").catch(() => 1)',
    'import(`x`).then((m) => m, () => 1)',
    'import("x").then((m) => m).then(f).catch(g)',
    'const f = () => { try { return require("x") } catch {} }',
  ]) {
    expect([source, handledImports(source)]).toEqual([source, ['x']])
  }
  for (const source of [
    'require("x")',
    'await import("x")',
    'import("x").then((m) => m)',
    'import("x").finally(f)',
    'try { f(() => require("x")) } catch {}',
    'try { y() } catch { require("x") }',
    'try { require("x") } finally { y() }',
    'try { require("x") } catch {} require("x")',
    'import x from "x"; try { require("x") } catch {}',
    'export * from "x"; try { require("x") } catch {}',
    'try { require(x) } catch {}',
  ]) {
    expect([source, handledImports(source)]).toEqual([source, []])
  }
})
