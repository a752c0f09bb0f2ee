/** node:path for POSIX, which is what a worker has: https://nodejs.org/api/path.html */
import { validateObject, validateString } from './internal/validate.ts'

export const sep = '/'
export const delimiter = ':'

/** The parts of a path, with `.` and `..` resolved. */
function partsOf(path, isRooted) {
  const parts = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.length > 0 && parts.at(-1) !== '..') parts.pop()
    else if (!isRooted) parts.push('..')
  }
  return parts
}

export function isAbsolute(path) {
  validateString(path, 'path')
  return path.startsWith('/')
}

export function normalize(path) {
  validateString(path, 'path')
  if (path === '') return '.'
  const isRooted = path.startsWith('/')
  let text = partsOf(path, isRooted).join('/')
  if (text === '' && !isRooted) text = path.endsWith('/') ? './' : '.'
  else if (text !== '' && path.endsWith('/')) text += '/'
  return isRooted ? `/${text}` : text
}

export function join(...paths) {
  for (const path of paths) validateString(path, 'path')
  const joined = paths.filter((path) => path !== '').join('/')
  return joined === '' ? '.' : normalize(joined)
}

export function resolve(...paths) {
  let resolved = ''
  for (let i = paths.length - 1; i >= 0 && !resolved.startsWith('/'); i--) {
    validateString(paths[i], `paths[${i}]`)
    if (paths[i] !== '') resolved = `${paths[i]}/${resolved}`
  }
  if (!resolved.startsWith('/')) {
    const here = globalThis.process?.cwd?.() ?? '/'
    resolved = `${here}/${resolved}`
  }
  return `/${partsOf(resolved, true).join('/')}`
}

export function relative(from, to) {
  validateString(from, 'from')
  validateString(to, 'to')
  if (from === to) return ''
  const left = partsOf(resolve(from), true)
  const right = partsOf(resolve(to), true)
  let same = 0
  while (same < left.length && same < right.length && left[same] === right[same]) same++
  return [...left.slice(same).map(() => '..'), ...right.slice(same)].join('/')
}

export function toNamespacedPath(path) {
  return path
}

/** The length of a path without the separators at its end; a root keeps one. */
function endOf(path) {
  let end = path.length
  while (end > 1 && path[end - 1] === '/') end--
  return end
}

export function dirname(path) {
  validateString(path, 'path')
  if (path === '') return '.'
  const at = path.lastIndexOf('/', endOf(path) - 1)
  if (at === -1) return '.'
  if (at === 0) return '/'
  // Two separators at the begin are a root of their own.
  if (at === 1 && path.startsWith('//')) return '//'
  return path.slice(0, at)
}

export function basename(path, suffix) {
  if (suffix !== undefined) validateString(suffix, 'suffix')
  validateString(path, 'path')
  if (suffix === path) return ''
  let end = path.length
  while (end > 0 && path[end - 1] === '/') end--
  const name = path.slice(path.lastIndexOf('/', end - 1) + 1, end)
  if (end === 0) {
    // As Node has it: a root is only cut if there is no suffix to look for.
    const looks = suffix !== undefined && suffix !== '' && suffix !== path
    return looks && suffix.length <= path.length ? path : ''
  }
  return suffix !== undefined && name !== suffix && name.endsWith(suffix) && suffix !== ''
    ? name.slice(0, -suffix.length)
    : name
}

export function extname(path) {
  validateString(path, 'path')
  const name = basename(path)
  const at = name.lastIndexOf('.')
  return at <= 0 || name === '..' ? '' : name.slice(at)
}

export function format(parts) {
  validateObject(parts, 'pathObject')
  const dir = parts.dir || parts.root
  const ext = parts.ext ? `${parts.ext[0] === '.' ? '' : '.'}${parts.ext}` : ''
  const base = parts.base || `${parts.name || ''}${ext}`
  if (!dir) return base
  return dir === parts.root ? `${dir}${base}` : `${dir}/${base}`
}

export function parse(path) {
  validateString(path, 'path')
  const root = path.startsWith('/') ? '/' : ''
  const base = basename(path)
  const ext = extname(path)
  const start = path.lastIndexOf('/', endOf(path) - 1) + 1
  const dir = base === '' || start <= 1 ? root : path.slice(0, start - 1)
  return { root, dir, base, ext, name: ext === '' ? base : base.slice(0, -ext.length) }
}

const posix = {
  basename,
  delimiter,
  dirname,
  extname,
  format,
  isAbsolute,
  join,
  normalize,
  parse,
  relative,
  resolve,
  sep,
  toNamespacedPath,
  posix: null,
}
posix.posix = posix

export { posix }
export default posix
