// In place of `node:vm`: the one realm of a worker stands for every context.

// biome-ignore lint/security/noGlobalEval: it is what the module is for
const evaluate = eval

class Script {
  #source
  constructor(source) {
    this.#source = source
  }
  runInThisContext() {
    return evaluate(this.#source)
  }
  runInNewContext(context) {
    return runInNewContext(this.#source, context)
  }
}

function runInNewContext(source, context = {}) {
  Object.assign(globalThis, context)
  return evaluate(source)
}

module.exports = {
  Script,
  createContext: (context = {}) => context,
  isContext: () => true,
  runInContext: runInNewContext,
  runInNewContext,
  runInThisContext: (source) => evaluate(source),
}
