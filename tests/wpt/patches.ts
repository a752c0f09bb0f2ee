/**
 * Changes to files of the checkout that cannot run unchanged inside an ES module, each with its
 * reason.
 */

interface Patch {
  file: string
  from: string
  to: string
  why: string
}

const READ_ONLY = 'it assigns to attributes without a setter, which throws in strict code'
const STRICT = 'it assigns to a name that it does not declare'

const SHARED = 'it has to get SharedArrayBuffer by way of WebAssembly, which is not there'

const PATCHES: Patch[] = [
  {
    file: 'common/sab.js',
    from: 'new WebAssembly.Memory({ shared:true, initial:0, maximum:0 }).buffer.constructor',
    to: 'SharedArrayBuffer',
    why: SHARED,
  },
  {
    file: 'compression/compression-bad-chunks.tentative.any.js',
    from: 'new WebAssembly.Memory({ shared:true, initial:1, maximum:1 }).buffer',
    to: 'new SharedArrayBuffer(65536)',
    why: SHARED,
  },
  {
    file: 'compression/decompression-bad-chunks.tentative.any.js',
    from: 'new WebAssembly.Memory({ shared:true, initial:1, maximum:1 }).buffer',
    to: 'new SharedArrayBuffer(65536)',
    why: SHARED,
  },
  {
    file: 'resources/idlharness.js',
    from: 'function fetch_spec(spec) {',
    to: 'globalThis.fetch_spec = fetch_spec;\nfunction fetch_spec(spec) {',
    why: 'it looks for its own function as a property of the global',
  },
  {
    file: 'html/webappapis/structured-clone/structured-clone-battery-of-tests.js',
    from: '\nstructuredCloneBatteryOfTests = [];',
    to: '\nvar structuredCloneBatteryOfTests = [];',
    why: STRICT,
  },
  {
    file: 'fetch/api/basic/request-forbidden-headers.any.js',
    from: 'for (forbiddenMethod of',
    to: 'for (const forbiddenMethod of',
    why: STRICT,
  },
  {
    file: 'fetch/api/basic/request-forbidden-headers.any.js',
    from: 'for (overrideHeader of',
    to: 'for (const overrideHeader of',
    why: STRICT,
  },
  {
    file: 'fetch/api/basic/request-forbidden-headers.any.js',
    from: 'for (permittedValue of',
    to: 'for (const permittedValue of',
    why: STRICT,
  },
  {
    file: 'fetch/api/request/request-init-priority.any.js',
    from: 'for (idx in',
    to: 'for (const idx in',
    why: STRICT,
  },
  {
    file: 'fetch/api/request/request-structure.any.js',
    from: 'request[attributeToCheck] = newValue;',
    to: 'Reflect.set(request, attributeToCheck, newValue);',
    why: READ_ONLY,
  },
  {
    file: 'fetch/api/request/request-structure.any.js',
    from: 'request.headers = new Headers ({"name":"value"});',
    to: 'Reflect.set(request, "headers", new Headers({ name: "value" }));',
    why: READ_ONLY,
  },
  {
    file: 'html/webappapis/timers/evil-spec-example.any.js',
    from: "var log = '';",
    to: "Object.assign(globalThis, { t, finishTest, logger });\nvar log = '';",
    why: 'the strings that it runs as code look for its functions as properties of the global',
  },
]

/** Applies the changes to a source; a patch that does not fit is an error. */
export function patch(file: string, source: string): string {
  let result = source
  for (const { from, to, ...one } of PATCHES) {
    if (one.file !== file) continue
    if (!result.includes(from)) throw new Error(`${file}: the patch for '${from}' no longer fits`)
    result = result.replaceAll(from, () => to)
  }
  return result
}
