/** Which folder the imports of a function may not leave. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { FunctionError } from '../errors.ts'
import { findProject } from './project.ts'

let dir: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'functions-workspace-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

function write(name: string, text = ''): string {
  const path = join(dir, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  return path
}

/** The root of `file`, relative to the temporary directory, and why. */
function rootOf(file: string, root?: string): string {
  const project = findProject(write(file), root)
  return `${project.root.slice(dir.length) || '/'}: ${project.rootReason}`
}

function failure(act: () => unknown): FunctionError {
  try {
    act()
  } catch (error) {
    return error as FunctionError
  }
  throw new Error('it did not fail')
}

describe('the root of a member is the workspace of', () => {
  const manifests: [string, string, string][] = [
    ['npm', 'package.json', '{"workspaces":["packages/*"]}'],
    ['npm, by a path', 'package.json', '{"workspaces":["./packages/api/"]}'],
    ['yarn', 'package.json', '{"workspaces":{"packages":["packages/**"],"nohoist":[]}}'],
    ['bun', 'package.json', '{"workspaces":{"packages":["packages/*"],"catalog":{}}}'],
    ['pnpm', 'pnpm-workspace.yaml', 'packages:\n  - "packages/*"\n  - "!packages/old"\n'],
    ['pnpm, with a mark', 'pnpm-workspace.yaml', '\uFEFFpackages: [packages/*]\n'],
  ]
  for (const [client, name, text] of manifests) {
    test(client, () => {
      write(`mono/${name}`, text)
      write('mono/packages/api/package.json', '{}')
      mkdirSync(join(dir, 'mono/packages/api/.git'), { recursive: true })
      expect(rootOf('mono/packages/api/src/a.ts')).toBe('/mono: the root of the workspace')
    })
  }

  test('none, where no pattern names the package: then it is the repository', () => {
    write('mono/package.json', '{"workspaces":["apps/*","!packages/*","../packages/*"]}')
    write('mono/packages/api/package.json', '{}')
    const nearest = '/mono/packages/api: the folder of the nearest package.json'
    expect(rootOf('mono/packages/api/a.ts')).toBe(nearest)
    write('.git', 'gitdir: elsewhere')
    expect(rootOf('mono/packages/api/a.ts')).toBe('/: the root of the repository')
    expect(rootOf('mono/script.ts')).toBe('/mono: the root of the workspace')
  })

  test('an exclusion of pnpm', () => {
    write('mono/pnpm-workspace.yaml', 'packages:\n  - "packages/*"\n  - "!packages/old"\n')
    write('mono/packages/old/package.json', '{}')
    expect(rootOf('mono/packages/old/a.ts')).toContain('/mono/packages/old:')
  })
})

describe('without a workspace it is', () => {
  test('the repository, also where no package.json is', () => {
    mkdirSync(join(dir, 'repository/.git'), { recursive: true })
    expect(rootOf('repository/a/b/c.ts')).toBe('/repository: the root of the repository')
    write('repository/a/package.json', '{}')
    expect(rootOf('repository/a/b/c.ts')).toBe('/repository: the root of the repository')
  })

  test('the nearest package.json, else the folder of the file', () => {
    expect(rootOf('a/b/c.ts')).toBe('/a/b: the folder of the file')
    write('a/package.json', '{}')
    expect(rootOf('a/b/c.ts')).toBe('/a: the folder of the nearest package.json')
  })
})

describe('--root', () => {
  test('names it, through symbolic links', () => {
    write('a/package.json', '{}')
    symlinkSync(dir, join(dir, 'link'))
    expect(rootOf('a/b.ts', join(dir, 'link'))).toBe('/: --root')
  })

  test('must be a folder that holds the file', () => {
    const file = write('a/b.ts')
    expect(failure(() => findProject(file, join(dir, 'nothing'))).message).toContain(
      'does not exist',
    )
    expect(failure(() => findProject(file, file)).message).toContain('must be a folder')
    mkdirSync(join(dir, 'other'))
    const outside = failure(() => findProject(file, join(dir, 'other')))
    expect(outside.code).toBe('BAD_REQUEST')
    expect(outside.message).toContain('does not contain')
  })
})

describe('hostile', () => {
  test('a folder that everybody may write to is not the root, whatever lies in it', () => {
    write('shared/.git', '')
    write('shared/package.json', '{"workspaces":["**"]}')
    write('shared/mine/package.json', '{}')
    chmodSync(join(dir, 'shared'), 0o1777)
    expect(rootOf('shared/mine/a.ts')).toContain('/shared/mine:')
    rmSync(join(dir, 'shared/mine/package.json'))
    expect(rootOf('shared/mine/a.ts')).toContain('/shared/mine:')
  })

  test('a folder that has all rights because it is mounted so is the root, if it is the user’s own', () => {
    write('mounted/package.json', '{"workspaces":["**"]}')
    write('mounted/mine/package.json', '{}')
    chmodSync(join(dir, 'mounted'), 0o777)
    chmodSync(join(dir, 'mounted/mine'), 0o777)
    expect(rootOf('mounted/mine/a.ts')).toBe('/mounted: the root of the workspace')
  })

  test('the home directory is not, with its repository of settings files', () => {
    const before = process.env.HOME
    process.env.HOME = join(dir, 'home')
    write('home/.git/HEAD', '')
    write('home/package.json', '{"workspaces":["**"]}')
    try {
      expect(rootOf('home/code/a.ts')).toContain('/home/code: the folder of the file')
    } finally {
      process.env.HOME = before
    }
  })

  const broken: [string, string, string][] = [
    ['is not JSON', 'package.json', '{"workspaces": ['],
    ['nests deeply', 'package.json', '['.repeat(200_000)],
    ['is huge', 'package.json', `"${'x'.repeat(2 ** 20)}"`],
    ['is not YAML', 'pnpm-workspace.yaml', 'packages:\n  - a\n bad: ['],
    ['refers to itself', 'pnpm-workspace.yaml', bomb()],
  ]
  for (const [what, name, text] of broken) {
    test(`a ${name} that ${what} is an error that names it and the remedy`, () => {
      const file = write(`mono/${name}`, text)
      write('mono/packages/api/package.json', '{}')
      const { code, message } = failure(() => rootOf('mono/packages/api/a.ts'))
      expect(code).toBe('BAD_REQUEST')
      expect(message).toStartWith(`${file} cannot be read: `)
      expect(message).toContain('--root')
      expect(message.length).toBeLessThan(600)
      expect(rootOf('mono/packages/api/a.ts', join(dir, 'mono'))).toBe('/mono: --root')
    })
  }

  test('a pipe is not read; a broken file above the repository is not looked at', () => {
    mkdirSync(join(dir, 'mono/a'), { recursive: true })
    expect(Bun.spawnSync(['mkfifo', join(dir, 'mono/pnpm-workspace.yaml')]).exitCode).toBe(0)
    write('mono/a/package.json', '{}')
    expect(failure(() => rootOf('mono/a/a.ts')).message).toContain('not a regular file')
    write('mono/a/.git', '')
    expect(rootOf('mono/a/a.ts')).toBe('/mono/a: the root of the repository')
  })

  test('patterns of the wrong kind, too many, and ones that take long, name nobody', () => {
    const patterns = [1, null, {}, '', '/', '..', '../..', '*a'.repeat(500), '{'.repeat(2_000)]
    const many = Array.from({ length: 20_000 }, () => 'apps/*')
    write('mono/package.json', JSON.stringify({ workspaces: [...patterns, ...many] }))
    write('mono/packages/api/package.json', '{}')
    expect(rootOf('mono/packages/api/a.ts')).toContain('/mono/packages/api:')
    for (const workspaces of [1, 'packages/*', { packages: 'packages/*' }, [['packages/*']]]) {
      write('mono/package.json', JSON.stringify({ workspaces }))
      expect(rootOf('mono/packages/api/a.ts')).toContain('/mono/packages/api:')
    }
  })
})

/** References that would expand to 9^20 elements. */
function bomb(): string {
  const lines = ['a0: &a0 [x,x,x,x,x,x,x,x,x]']
  for (let i = 1; i < 20; i++)
    lines.push(
      `a${i}: &a${i} [${Array(9)
        .fill(`*a${i - 1}`)
        .join()}]`,
    )
  return lines.join('\n')
}
