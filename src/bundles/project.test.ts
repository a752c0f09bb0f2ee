import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FunctionError } from '../errors.ts'
import { findProject } from './project.ts'

let dir: string
let root: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'functions-project-'))
  root = join(dir, 'project')
  mkdirSync(join(root, 'a/b'), { recursive: true })
  writeFileSync(join(root, 'package.json'), '{}')
})

afterEach(() => rmSync(dir, { recursive: true }))

describe('the project root', () => {
  test('is the directory of the nearest package.json, else that of the entry', () => {
    const deep = join(root, 'a/b/c.ts')
    writeFileSync(deep, '')
    expect(findProject(deep).root).toBe(root)
    writeFileSync(join(root, 'a/package.json'), '{}')
    expect(findProject(deep).root).toBe(join(root, 'a'))
    const alone = join(dir, 'alone.ts')
    writeFileSync(alone, '')
    expect(findProject(alone).root).toBe(dir)
  })

  test('is that of the file behind a link', () => {
    const outside = join(dir, 'outside.ts')
    writeFileSync(outside, '')
    symlinkSync(outside, join(root, 'link.ts'))
    expect(findProject(join(root, 'link.ts'))).toMatchObject({ entry: outside, root: dir })
  })
})

describe('an entry', () => {
  test('that is not a script or does not exist is wrong usage', () => {
    for (const name of ['nothing.ts', 'package.json', '.']) {
      expect(() => findProject(join(root, name))).toThrow(FunctionError)
    }
  })
})
