/** Modules of Node that a function cannot have: refused in its own code, stubs in packages. */
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { useProject } from '../testing/bundle-fixture.ts'
import { warningText } from './warnings.ts'

// A build starts a process, which may wait long on a machine with other tests on it.
setDefaultTimeout(60_000)

const { build, refused, write } = useProject()

describe('a package that imports a module which a function cannot have', () => {
  test('is bundled with a stub, and one warning for each module with its places', async () => {
    write('node_modules/a/index.js', "const tls = require('node:tls')\nexports.a = tls.connect")
    write('node_modules/b/package.json', '{"name":"b","type":"module","main":"index.js"}')
    write(
      'node_modules/b/index.js',
      "\nimport { connect } from 'tls'\nimport fs from 'fs'\nexport const b = () => [connect(), fs.readFileSync('x'), fs.cpSync('x')]",
    )
    const { warnings } = await build(
      "import { a } from 'a'\nimport { b } from 'b'\nexport default [a, b]",
    )
    expect(warnings.map(warningText).sort()).toEqual([
      "node_modules/a/index.js:1:21: 'tls' is a module of another platform, which quickjs-ng functions do not have. A call of its members throws ERR_METHOD_NOT_IMPLEMENTED. Also at node_modules/b/index.js:2:25.",
      "node_modules/b/index.js:3:16: 'fs' needs a profile with allowFilesystem, which this one does not give. A call of its members throws ERR_ACCESS_DENIED.",
    ])
  })

  test('and handles its absence, gets the error of an import, as before', async () => {
    write(
      'node_modules/a/index.js',
      "let v8\ntry { v8 = require('v8') } catch {}\nmodule.exports = v8",
    )
    const { warnings } = await build("import a from 'a'\nexport default a")
    expect(warnings.map(({ message }) => message)).toEqual([
      "'v8' is a module of another platform, which quickjs-ng functions do not have. Its import fails at run time with MODULE_NOT_FOUND, which the code allows for.",
    ])
  })

  test('does not open the module to the function itself', async () => {
    write('node_modules/a/index.js', "module.exports = require('tls')")
    const error = await refused("import a from 'a'\nimport tls from 'tls'\nexport default [a, tls]")
    expect(error.message).toContain("'tls' is a module of another platform")
    expect(error.position).toMatchObject({ file: 'index.ts', line: 2 })
    for (const name of ['functions:stub:tls', 'functions:require:stub:tls', 'stub:tls']) {
      const other = await refused(`\nimport * as m from '${name}'\nexport default m`)
      expect(other.position).toMatchObject({ file: 'index.ts', line: 2 })
    }
  })

  test('is not bundled with it where another build of the package does without', async () => {
    write(
      'node_modules/a/package.json',
      '{"name":"a","exports":{"worker":"./tls.js","default":"./plain.js"}}',
    )
    write('node_modules/a/tls.js', "exports.tls = require('tls')")
    write('node_modules/a/plain.js', 'module.exports = 1')
    const { warnings } = await build("import a from 'a'\nexport default a")
    expect(warnings).toEqual([])
  })
})

test('the constants of http2 are there for packages', async () => {
  write(
    'node_modules/a/index.js',
    "const { constants } = require('http2')\nexports.code = constants.NGHTTP2_CANCEL\nexports.header = constants.HTTP2_HEADER_PATH",
  )
  const { code } = await build("import { code, header } from 'a'\nexport default [code, header]")
  expect(new TextDecoder().decode(code)).toMatch(
    /NGHTTP2_CANCEL\W+8\b.+HTTP2_HEADER_PATH\W+:path\b/,
  )
})

test('packages that bear the name of a module of Bun are bundled', async () => {
  for (const name of ['undici', 'ws']) {
    write(`node_modules/${name}/index.js`, `module.exports = 'own ${name}'`)
    const bundle = await build(`import x from '${name}'\nexport default x`)
    expect(new TextDecoder().decode(bundle.code)).toContain(`own ${name}`)
    expect(bundle.warnings).toEqual([])
  }
})
