import { expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/**
 * The documents name files, functions and each other. This test keeps these references true, so that a
 * change that moves a file or renames a function corrects the documents too.
 */
const ROOT = join(import.meta.dir, '../..')
const DOCUMENTS = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]
/** The folders and kinds of files that a reference can begin with or end in. */
const FOLDERS = 'src|guest|native|protocol|fuzz|tests|bench|examples|scripts|docs|third-party'
const REFERENCE = new RegExp(
  String.raw`^((?:(?:${FOLDERS})/[\w./@-]+|build\.zig|package\.json))(?::(#?[A-Za-z_]\w*))?$`,
)

interface Reference {
  document: string
  path: string
  symbol: string | undefined
}

/** What a document names between backquotes: a path of the repository, perhaps with a symbol. */
function referencesOf(document: string, text: string): Reference[] {
  return [...text.matchAll(/`([^`\n]+)`/g)].flatMap(([, code = '']) => {
    // A command names its files among other words.
    const words = code.split(' ')
    return words.flatMap((word) => {
      const [, path, symbol] = REFERENCE.exec(word.replace(/^\.\//, '')) ?? []
      return path === undefined ? [] : [{ document, path, symbol }]
    })
  })
}

/** The targets of a document's links that lead to the repository, without those to other sites. */
function linksOf(text: string): string[] {
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
}

/** The anchors of a document's headings, as Git hosts make them. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  )
}

function occurs(symbol: string, text: string): boolean {
  const name = symbol.replace(/^#/, '')
  return new RegExp(String.raw`(?<![\w$])${symbol.startsWith('#') ? '#' : ''}${name}\b`).test(text)
}

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const references = DOCUMENTS.flatMap((document) => referencesOf(document, read(document)))

test('references are found in text, in tables and in commands', () => {
  const text = 'See `src/a.ts:run`, `./scripts/test.sh --x` and `src/b`, not `a/b` or `src/*.ts`.'
  expect(referencesOf('x', text).map(({ path, symbol }) => [path, symbol])).toEqual([
    ['src/a.ts', 'run'],
    ['scripts/test.sh', undefined],
    ['src/b', undefined],
  ])
  expect(references.length).toBeGreaterThan(150)
})

test('every path that a document names exists', () => {
  const wrong = references
    .filter(({ path }) => !existsSync(join(ROOT, path)))
    .map(({ document, path }) => `${document}: ${path}`)
  expect(wrong).toEqual([])
})

test('every symbol that a document names occurs in its file', () => {
  const wrong = references
    .filter(({ path, symbol }) => symbol !== undefined && existsSync(join(ROOT, path)))
    .filter(({ path, symbol = '' }) => !occurs(symbol, read(path)))
    .map(({ document, path, symbol }) => `${document}: ${path}:${symbol}`)
  expect(wrong).toEqual([])
  expect(occurs('#serve', 'this.#serve()')).toBe(true)
  expect(occurs('serve', 'preserve()')).toBe(false)
})

/** Every file of the repository, by its last name: documents shorten paths in tables. */
const byName = Map.groupBy(
  ['src', 'guest', 'native', 'protocol', 'scripts', 'fuzz', 'tests'].flatMap((folder) =>
    [...new Bun.Glob('**/*.{ts,js,c,h,cpp,zig,py,sh}').scanSync(join(ROOT, folder))].map(
      (name) => `${folder}/${name}`,
    ),
  ),
  (path) => basename(path),
)

test('every symbol of a file that is named without its folder occurs in it', () => {
  const short = DOCUMENTS.flatMap((document) =>
    [...read(document).matchAll(/`([\w.-]+\.(?:ts|js|c|h|cpp|zig|py)):(#?\w+)`/g)].map(
      ([, name = '', symbol = '']) => ({ document, name, symbol }),
    ),
  )
  const wrong = short
    .filter(({ name, symbol }) => !byName.get(name)?.some((path) => occurs(symbol, read(path))))
    .map(({ document, name, symbol }) => `${document}: ${name}:${symbol}`)
  expect(wrong).toEqual([])
})

test('every test that SECURITY.md gives as proof of a layer exists', () => {
  const [, table = ''] = read('SECURITY.md').split('| proven by (tests/) |')
  const [rows = ''] = table.split('\n\n')
  const proofs = rows.split('\n').flatMap((row) => {
    const [, last = ''] = /\|([^|]*)\|$/.exec(row) ?? []
    return [...last.matchAll(/(?<![\w/])[\w-]+(?:\/[\w-]+)+\*?/g)].map(([proof]) => proof)
  })
  const missing = proofs.filter((proof) => {
    const path = proof.startsWith('src/') ? proof : `tests/${proof}`
    const found = new Bun.Glob(`${path}.test.ts`).scanSync(ROOT)
    return [...found].length === 0
  })
  expect(proofs.length).toBeGreaterThan(20)
  expect(missing).toEqual([])
})

test('every link between documents leads to a file, and to a heading of it', () => {
  const wrong = DOCUMENTS.flatMap((document) =>
    linksOf(read(document))
      .filter((target) => {
        const [file = '', anchor] = target.split('#')
        const path = file === '' ? document : join(dirname(document), file)
        if (!existsSync(join(ROOT, path))) return true
        return anchor !== undefined && !anchorsOf(read(path)).includes(anchor)
      })
      .map((target) => `${document}: ${target}`),
  )
  expect(wrong).toEqual([])
})

test('every document is linked from README.md', () => {
  const readme = linksOf(read('README.md'))
  expect(DOCUMENTS.filter((path) => path !== 'README.md' && !readme.includes(path))).toEqual([])
})
