/** path.win32: paths of Windows, for programs that read them on another system. */
import { validateObject, validateString } from './internal/validate.ts'
import posix from './path.js'

const SLASH = /[\\/]/
const sep = '\\'
const delimiter = ';'
const isSlash = (char) => char === '/' || char === '\\'
const isLetter = (char) => char !== undefined && /^[A-Za-z]$/.test(char)

/** Names of devices, which a path must not reach by accident. */
const DEVICE = /^(?:CON|PRN|AUX|NUL|COM[1-9¹²³]|LPT[1-9¹²³])$/i

/**
 * The device of a path (`C:`, `\\server\share`), and the length of its root with all separators.
 */
function rootOf(path) {
  if (isSlash(path[0])) {
    if (!isSlash(path[1])) return { device: '', rooted: true, end: 1 }
    const share = /^[\\/]{2}([^\\/]+)[\\/]+([^\\/]+)/.exec(path)
    if (share === null) return { device: '', rooted: true, end: 1 }
    const [whole, server, name] = share
    if (server === '.' || server === '?') {
      return { device: `\\\\${server}`, rooted: true, end: 4 }
    }
    return { device: `\\\\${server}\\${name}`, rooted: true, end: whole.length, unc: true }
  }
  if (!isLetter(path[0]) || path[1] !== ':') return { device: '', rooted: false, end: 0 }
  const rooted = isSlash(path[2])
  return { device: path.slice(0, 2), rooted, end: rooted ? 3 : 2 }
}

/** A path without device, with `.` and `..` resolved. */
function normalizeParts(path, canClimb) {
  const parts = []
  for (const part of path.split(SLASH)) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.length > 0 && parts.at(-1) !== '..') parts.pop()
    else if (canClimb) parts.push('..')
  }
  return parts.join('\\')
}

function isAbsolute(path) {
  validateString(path, 'path')
  return isSlash(path[0]) || (isLetter(path[0]) && path[1] === ':' && isSlash(path[2]))
}

function normalize(path) {
  validateString(path, 'path')
  if (path === '') return '.'
  if (path.length === 1) return path === '/' ? '\\' : path
  const { device, rooted, end, unc } = rootOf(path)
  if (unc && end === path.length) return `${device}\\`
  let tail = normalizeParts(path.slice(end), !rooted)
  if (tail === '' && !rooted) tail = '.'
  if (tail !== '' && isSlash(path.at(-1)) && end < path.length) tail += '\\'
  if (!rooted && device === '' && path.includes(':')) {
    // `./C:/a` must not become `C:\a`.
    if (isLetter(tail[0]) && tail[1] === ':') return `.\\${tail}`
    for (let at = path.indexOf(':'); at !== -1; at = path.indexOf(':', at + 1)) {
      if (at === path.length - 1 || isSlash(path[at + 1])) return `.\\${tail}`
    }
  }
  const colon = path.indexOf(':')
  if (colon > 0 && DEVICE.test(path.slice(0, colon))) return `.\\${device}${tail}`
  return rooted ? `${device}\\${tail}` : `${device}${tail}`
}

function join(...paths) {
  for (const path of paths) validateString(path, 'path')
  const [first, ...others] = paths.filter((path) => path !== '')
  if (first === undefined) return '.'
  let joined = [first, ...others].join('\\')
  // Two separators at the begin are kept if the first part has exactly them and a name behind them.
  const isUnc = isSlash(first[0]) && isSlash(first[1]) && first.length > 2 && !isSlash(first[2])
  if (!isUnc) joined = joined.replace(/^[\\/]{2,}/, '\\')
  const isDevice = (part) => part.includes(':') && DEVICE.test(part.slice(0, part.indexOf(':')))
  if (joined.split('\\').some(isDevice)) return joined.replaceAll('/', '\\')
  return normalize(joined)
}

function resolve(...paths) {
  let device = ''
  let tail = ''
  let rooted = false
  for (let i = paths.length - 1; i >= -1; i--) {
    let path
    if (i >= 0) {
      path = paths[i]
      validateString(path, `paths[${i}]`)
      if (path === '') continue
    } else if (device === '') {
      path = globalThis.process?.cwd?.() ?? '/'
    } else {
      path = globalThis.process?.env?.[`=${device}`] ?? globalThis.process?.cwd?.() ?? '/'
      const drive = path.slice(0, 2).toLowerCase()
      if (drive !== device.toLowerCase() && path[2] === '\\') path = `${device}\\`
    }
    const root = rootOf(path)
    if (root.device !== '') {
      if (device === '') device = root.device
      else if (root.device.toLowerCase() !== device.toLowerCase()) continue
    }
    if (rooted) {
      if (device !== '') break
      continue
    }
    tail = `${path.slice(root.end)}\\${tail}`
    rooted = root.rooted
    if (rooted && device !== '') break
  }
  tail = normalizeParts(tail, !rooted)
  return rooted ? `${device}\\${tail}` : `${device}${tail}` || '.'
}

/** Where a path begins and ends without the separators around it. */
function spanOf(path) {
  let start = 0
  let end = path.length
  while (path[start] === '\\') start++
  while (end - 1 > start && path[end - 1] === '\\') end--
  return { start, end, length: end - start }
}

/** Of paths with characters whose lower case is longer. */
function relativeParts(from, to) {
  const [a, b] = [from, to].map((path) => path.replace(/\\$/, '').split('\\'))
  let i = 0
  while (i < a.length && i < b.length && a[i].toLowerCase() === b[i].toLowerCase()) i++
  return i === 0 ? to : [...a.slice(i).map(() => '..'), ...b.slice(i)].join('\\')
}

function relative(from, to) {
  validateString(from, 'from')
  validateString(to, 'to')
  if (from === to) return ''
  const [source, target] = [resolve(from), resolve(to)]
  const [left, right] = [source.toLowerCase(), target.toLowerCase()]
  if (left === right) return ''
  if (left.length !== source.length || right.length !== target.length) {
    return relativeParts(source, target)
  }
  const [a, b] = [spanOf(left), spanOf(right)]
  const length = Math.min(a.length, b.length)
  let common = -1
  let i = 0
  for (; i < length && left[a.start + i] === right[b.start + i]; i++) {
    if (left[a.start + i] === '\\') common = i
  }
  if (i !== length) {
    if (common === -1) return target
  } else {
    if (b.length > length) {
      if (right[b.start + i] === '\\') return target.slice(b.start + i + 1)
      if (i === 2) return target.slice(b.start + i)
    }
    if (a.length > length) {
      if (left[a.start + i] === '\\') common = i
      else if (i === 2) common = 3
    }
    if (common === -1) common = 0
  }
  const up = []
  for (let at = a.start + common + 1; at <= a.end; at++) {
    if (at === a.end || left[at] === '\\') up.push('..')
  }
  let start = b.start + common
  if (up.length > 0) return `${up.join('\\')}${target.slice(start, b.end)}`
  if (target[start] === '\\') start++
  return target.slice(start, b.end)
}

function toNamespacedPath(path) {
  if (typeof path !== 'string' || path === '') return path
  const resolved = resolve(path)
  if (resolved.length <= 2) return path
  if (resolved.startsWith('\\\\')) {
    if (resolved[2] !== '?' && resolved[2] !== '.') return `\\\\?\\UNC\\${resolved.slice(2)}`
    return resolved
  }
  return /^[A-Za-z]:\\/.test(resolved) ? `\\\\?\\${resolved}` : resolved
}

/** The length of a path without the separators at its end, which a root keeps. */
function endOf(path, rootEnd) {
  let end = path.length
  while (end > rootEnd && isSlash(path[end - 1])) end--
  return end
}

/** The length of the root of a path, with the separator behind it. */
function prefixOf(path) {
  const share = /^[\\/]{2}[^\\/]+[\\/]+[^\\/]+[\\/]?/.exec(path)
  if (share !== null) return share[0].length
  return isSlash(path[0]) ? 1 : rootOf(path).end
}

const lastSlash = (path, end) => {
  for (let i = end - 1; i >= 0; i--) if (isSlash(path[i])) return i
  return -1
}

function dirname(path) {
  validateString(path, 'path')
  if (path === '') return '.'
  const prefix = prefixOf(path)
  const end = endOf(path, prefix)
  if (end <= prefix) return path.slice(0, prefix) || '.'
  const at = lastSlash(path, end)
  if (at < prefix) return path.slice(0, prefix) || '.'
  return path.slice(0, at)
}

function basename(path, suffix) {
  if (suffix !== undefined) validateString(suffix, 'suffix')
  validateString(path, 'path')
  if (suffix === path) return ''
  const start = isLetter(path[0]) && path[1] === ':' ? 2 : 0
  const end = endOf(path, start)
  const name = path.slice(Math.max(start, lastSlash(path, end) + 1), end)
  const cut = suffix !== undefined && suffix !== '' && name !== suffix && name.endsWith(suffix)
  return cut ? name.slice(0, -suffix.length) : name
}

function extname(path) {
  validateString(path, 'path')
  const name = basename(path)
  const at = name.lastIndexOf('.')
  return at <= 0 || name === '..' ? '' : name.slice(at)
}

function format(parts) {
  validateObject(parts, 'pathObject')
  const dir = parts.dir || parts.root
  const ext = parts.ext ? `${parts.ext[0] === '.' ? '' : '.'}${parts.ext}` : ''
  const base = parts.base || `${parts.name || ''}${ext}`
  if (!dir) return base
  return dir === parts.root ? `${dir}${base}` : `${dir}\\${base}`
}

function parse(path) {
  validateString(path, 'path')
  const prefix = prefixOf(path)
  const root = path.slice(0, prefix)
  const end = endOf(path, prefix)
  const start = Math.max(prefix, lastSlash(path, end) + 1)
  const base = path.slice(start, end)
  const ext = extname(base)
  const dir = start > prefix ? path.slice(0, start - 1) : root
  return { root, dir, base, ext, name: ext === '' ? base : base.slice(0, -ext.length) }
}

export {
  basename,
  delimiter,
  dirname,
  extname,
  format,
  isAbsolute,
  join,
  normalize,
  parse,
  posix,
  relative,
  resolve,
  sep,
  toNamespacedPath,
}

export const win32 = {
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
  posix,
}
win32.win32 = win32

export default win32
