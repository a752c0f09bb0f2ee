/** The bundler's functions for `require`, and what takes their place. They have as many lines. */

/** It remembers a module before it runs. */
const COMMON_JS =
  '\nvar __commonJS = (cb, mod) => () => (mod || cb((mod = { exports: {} }).exports, mod), mod.exports);\n'
/** As in Node, a module that failed is run again when it is required again. It would seem to be empty. */
const COMMON_JS_AGAIN =
  '\nvar __commonJS = (cb, mod) => () => { try { return mod || cb((mod = { exports: {} }).exports, mod), mod.exports } catch (e) { throw mod = 0, e } };\n'

/** It has no `resolve`, and its error has no code. */
const REQUIRE = `
var __require = /* @__PURE__ */ ((x) => typeof require !== "undefined" ? require : typeof Proxy !== "undefined" ? new Proxy(x, {
  get: (a, b) => (typeof require !== "undefined" ? require : a)[b]
}) : x)(function(x) {
  if (typeof require !== "undefined")
    return require.apply(this, arguments);
  throw Error('Dynamic require of "' + x + '" is not supported');
});
`
const REQUIRE_WITH_CODE = `
var __require = /* @__PURE__ */ (() => {
  const fail = (id) => {
    const error = new Error("Cannot find module '" + id + "': it is not in the bundle, which has the modules that are named by literals");
    error.code = "MODULE_NOT_FOUND";
    throw error };
  return Object.assign((id) => fail(id), { resolve: fail, cache: { __proto__: null } });
})();
`

export function withOwnHelpers(code: Uint8Array): Uint8Array {
  return replaced(replaced(code, COMMON_JS, COMMON_JS_AGAIN), REQUIRE, REQUIRE_WITH_CODE)
}

function replaced(code: Uint8Array, before: string, after: string): Uint8Array {
  const bytes = Buffer.from(code.buffer, code.byteOffset, code.byteLength)
  const at = bytes.indexOf(before)
  if (at === -1) return code
  const rest = bytes.subarray(at + Buffer.byteLength(before))
  return Buffer.concat([bytes.subarray(0, at), Buffer.from(after), rest])
}
