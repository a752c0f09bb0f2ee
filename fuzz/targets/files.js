// Operations that change files: for any requests in any order, nothing outside of the allowed directory changes, no
// descriptor stays open, and written data can be read.
import * as fs from 'fn:fs'
import { env } from 'fn:worker'

/** The tree of tree.c is there for each input. */
export const files = true

const WORDS = [
  'a',
  'b',
  'file',
  'link',
  'loop',
  'out',
  'up',
  'nowhere',
  'way',
  'on',
  'far',
  'new',
  '..',
  '.',
  '',
]
const FLAGS = ['r', 'r+', 'w', 'w+', 'wx', 'a', 'ax+', 'as', 'q', '']
const decoder = new TextDecoder()

export default (bytes) => {
  const open = []
  let at = 0
  const next = () => bytes[at++] ?? 0
  const text = () => {
    const from = at
    at += next() % 40
    return decoder.decode(bytes.subarray(from, at))
  }
  const path = () => {
    const parts = Array.from({ length: 1 + (next() % 4) }, () => {
      const pick = next()
      return pick < 240 ? WORDS[pick % WORDS.length] : text()
    })
    return (next() % 8 === 0 ? '' : `${env.ROOT}/`) + parts.join('/')
  }
  const file = () => open[next() % (open.length || 1)]
  const actions = [
    () => open.push(fs.open(path(), FLAGS[next() % FLAGS.length], next() * 8)),
    () => fs.mkdir(path(), next() * 8),
    () => fs.unlink(path()),
    () => fs.rmdir(path()),
    () => fs.rename(path(), path()),
    () => fs.readlink(path()),
    () => inside(fs.realpath(path())),
    () => fs.readdir(path()),
    () => fs.stat(path(), next() % 2 === 0),
    () => fs.fstat(file()),
    () => fs.truncate(file(), next() * next()),
    () => written(file(), bytes.subarray(0, next())),
    () => fs.read(file(), new Uint8Array(next()), next() - 1),
    () => fs.close(file()),
    () => (next() % 2 ? fs.sync(file()) : fs.datasync(file())),
  ]
  while (at < bytes.length && at < 400) {
    try {
      actions[next() % actions.length]()
    } catch (error) {
      // A refused operation has a code; an invalid argument is a TypeError or a RangeError.
      if (!(error instanceof TypeError) && typeof error.code !== 'string') throw error
    }
  }
  for (const one of open) {
    try {
      fs.close(one)
    } catch (error) {
      if (error.code !== 'EBADF') throw error
    }
  }
}

function inside(real) {
  if (real !== env.ROOT && !real.startsWith(`${env.ROOT}/`)) throw new Error(`outside: ${real}`)
}

function written(file, data) {
  const count = fs.write(file, data, 0)
  const back = new Uint8Array(count)
  let read
  try {
    read = fs.read(file, back, 0)
  } catch (error) {
    if (error.code === 'EBADF') return
    throw error
  }
  // A file that is open for appending is written at its end.
  if (read < count) throw new Error(`${count} written, ${read} read`)
}
