/**
 * `RegExp.$1` and its kind: what the last match of any expression found (Annex B of ECMA-262). The engine
 * has no such properties. Each match costs more with them, so only bundles that name one have this module.
 */
const { exec } = RegExp.prototype
const apply = Reflect.apply

let last = { parts: [''], input: '', index: 0 }

const methods = {
  exec(string) {
    const found = apply(exec, this, [string])
    if (found !== null) last = { parts: found.slice(), input: found.input, index: found.index }
    return found
  },
}
Object.defineProperty(RegExp.prototype, 'exec', {
  value: methods.exec,
  writable: true,
  configurable: true,
})

const part = (index) => last.parts[index] ?? ''
const getters = {
  input: () => last.input,
  lastMatch: () => part(0),
  lastParen: () => (last.parts.length > 1 ? part(last.parts.length - 1) : ''),
  leftContext: () => last.input.slice(0, last.index),
  rightContext: () => last.input.slice(last.index + part(0).length),
}
const short = {
  $_: 'input',
  '$&': 'lastMatch',
  '$+': 'lastParen',
  '$`': 'leftContext',
  "$'": 'rightContext',
}
for (const [name, long] of Object.entries(short)) getters[name] = getters[long]
for (let i = 1; i <= 9; i++) getters[`$${i}`] = () => part(i)
for (const [name, get] of Object.entries(getters)) {
  Object.defineProperty(RegExp, name, { get, set() {}, configurable: true })
}
