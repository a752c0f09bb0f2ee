/** What the repository says about other people's software is what the fetched sources say. */
import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { notices } from '../../scripts/third-party-notices.ts'
import { libraryVersions } from '../../src/lib/libraries.ts'

const ROOT = join(import.meta.dir, '../..')
const VENDOR = 'node_modules/@scriptc/runtime/vendor'

/** The three numbers that a header defines, or one string. */
function defined(path: string, ...names: string[]): string {
  const text = readFileSync(join(ROOT, path), 'utf8')
  return names
    .map((name) => {
      const value = new RegExp(`^\\s*(?:#\\s*define )?${name}\\s*=?\\s*"?([\\d.]+)`, 'm').exec(text)
      return value?.[1] ?? `${path} does not define ${name}`
    })
    .join('.')
}

const three = (prefix: string, last = 'PATCH') =>
  ['MAJOR', 'MINOR', last].map((part) => `${prefix}_VERSION_${part}`)

test('third-party/libraries.json names the versions that the sources name', () => {
  expect(libraryVersions()).toEqual({
    'quickjs-ng': defined('.build/sources/quickjs/quickjs.h', ...three('QJS')),
    libuv: defined('.build/sources/libuv/include/uv/version.h', ...three('UV')),
    ada: defined('.build/sources/ada/ada.h', ...three('ADA', 'REVISION')),
    yyjson: defined('.build/sources/yyjson/yyjson.h', ...three('YYJSON')),
    zlib: defined(`${VENDOR}/zlib/zlib.h`, 'ZLIB_VERSION'),
    mbedtls: defined(`${VENDOR}/mbedtls/include/mbedtls/build_info.h`, 'MBEDTLS_VERSION_STRING'),
  })
})

test('THIRD_PARTY_NOTICES.md is up to date', () => {
  expect(readFileSync(join(ROOT, 'THIRD_PARTY_NOTICES.md'), 'utf8')).toBe(notices())
})
