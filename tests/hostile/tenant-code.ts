/** The code that both tenants run: the path selects what it does. */

/** What each function can do. */
const PROBE = `
const seen = (globalThis.seen ??= [])
const attempt = async (act) => { try { return await act() } catch (error) { return String(error) } }
const text = (value) => typeof value === 'string' ? value : JSON.stringify(value) ?? 'undefined'
async function walk(read, value) {
  const found = []
  const visit = (value, depth) => {
    if (depth > 4 || value === null || found.length > 5000) return
    if (typeof value === 'string') found.push(value)
    if (typeof value !== 'object' && typeof value !== 'function') return
    for (const key of Reflect.ownKeys(value)) {
      found.push(String(key))
      try { visit(value[key], depth + 1) } catch {}
    }
  }
  visit(value, 0)
  return found.join(' ')
}
const acts = {
  env: (req, ctx) => ctx.env,
  context: (req, ctx) => ({ ...ctx, env: undefined }),
  globals: () => walk(0, globalThis),
  process: () => text(globalThis.process?.env ?? {}),
  remember: (req) => { seen.push(new URL(req.url).searchParams.get('a')); Array.prototype.left = 'left'; return seen },
  recall: () => ({ seen, left: Array.prototype.left ?? null }),
  random: () => [Math.random(), crypto.randomUUID(), [...crypto.getRandomValues(new Uint32Array(4))]],
  log: (req) => { console.log(new URL(req.url).searchParams.get('a')); return 'logged' },
  fetch: async (req) => { const r = await fetch(new URL(req.url).searchParams.get('a')); return (await r.text()) + ' ' + r.status },
  fail: () => { throw new Error('of this tenant') },
  module: (req) => import(new URL(req.url).searchParams.get('a')),
}`

const HANDLER = `export default async (req: Request, ctx) => {
  const act = acts[new URL(req.url).pathname.slice(1)]
  return new Response(text(await attempt(() => act(req, ctx))))
}`

export const PLAIN = `${PROBE}\n${HANDLER}`

/** The same, with files. */
export const FILES = `import * as fs from 'node:fs/promises'
${PROBE}
const path = (req) => new URL(req.url).searchParams.get('a')
Object.assign(acts, {
  read: (req) => fs.readFile(path(req), 'utf8'),
  list: (req) => fs.readdir(path(req)),
  write: async (req) => { await fs.writeFile(path(req), 'written'); return 'written' },
  move: async (req) => { const [from, to] = path(req).split('|'); await fs.rename(from, to); return 'moved' },
})
${HANDLER}`

/** The same, with programs. */
export const PROGRAMS = `import { spawn } from 'node:child_process'
${PROBE}
Object.assign(acts, {
  shell: (req) => new Promise((resolve) => {
    let out = ''
    const child = spawn('/bin/sh', ['-c', new URL(req.url).searchParams.get('a') + ' 2>&1'])
    child.stdout.on('data', (data) => { out += new TextDecoder().decode(data) })
    child.on('error', (error) => resolve(String(error)))
    child.on('close', (code) => resolve('exit ' + code + ': ' + out))
  }),
})
${HANDLER}`
