/**
 * The assets of the bundle: the files that it names by `new URL('./file', import.meta.url)`. The bundle
 * adds them by `fn:assets` before its modules run. `fetch` answers their `file:` URLs, and a bundle
 * that has assets gets `node:fs` as `fn:fs`, which reads them.
 */
import fs from 'node:fs'
import { pathToFileURL } from 'node:url'

interface Asset {
  type: string
  bytes: Uint8Array
}

const assets = new Map<string, Asset>()

function add(url: string, type: string, content: string, base64: boolean): void {
  const bytes = base64 ? Uint8Array.fromBase64(content) : new TextEncoder().encode(content)
  assets.set(url, { type, bytes })
}

function find(url: string): Asset | undefined {
  return assets.get(url.replace(/[?#].*$/s, ''))
}

/** New bytes of an asset; undefined if the bundle has no asset of this URL. */
function read(url: string): Uint8Array | undefined {
  return find(`${url}`)?.bytes.slice()
}

/** The response to a fetch of an asset. */
export function assetResponse(url: string): Response | undefined {
  const asset = find(url)
  if (asset === undefined) return undefined
  const response = new Response(asset.bytes.slice(), { headers: { 'content-type': asset.type } })
  Object.defineProperty(response, 'url', { value: url })
  return response
}

/** The asset that a path of node:fs names. */
function assetOf(path: unknown): Buffer | undefined {
  if (assets.size === 0) return undefined
  const isPath = typeof path === 'string' && path.startsWith('/')
  const url = isPath ? pathToFileURL(path).href : path instanceof URL ? path.href : undefined
  const bytes = url === undefined ? undefined : read(url)
  return bytes && Buffer.from(bytes.buffer)
}

type Options = { encoding?: BufferEncoding | null } | BufferEncoding | null | undefined

function decoded(bytes: Buffer, options: Options): Buffer | string {
  const encoding = typeof options === 'string' ? options : options?.encoding
  return encoding ? bytes.toString(encoding) : bytes
}

/** The calls of node:fs that read a whole file, with the assets. */
function fsExports(): Record<string, unknown> {
  const readFileSync = (path: unknown, options?: Options) => {
    const asset = assetOf(path)
    return asset === undefined
      ? (fs.readFileSync as CallableFunction)(path, options)
      : decoded(asset, options)
  }
  const readFileAsync = async (path: unknown, options?: Options) => {
    const asset = assetOf(path)
    return asset === undefined
      ? await (fs.promises.readFile as CallableFunction)(path, options)
      : decoded(asset, options)
  }
  const readFile = (path: unknown, ...rest: unknown[]) => {
    const asset = assetOf(path)
    const callback = rest.at(-1) as (error: null, data: Buffer | string) => void
    if (asset === undefined) return (fs.readFile as CallableFunction)(path, ...rest)
    const options = rest.length > 1 ? (rest[0] as Options) : undefined
    queueMicrotask(() => callback(null, decoded(asset, options)))
  }
  const existsSync = (path: unknown) => assetOf(path) !== undefined || fs.existsSync(path as string)
  const promises = { ...fs.promises, readFile: readFileAsync }
  return { ...fs, existsSync, promises, readFile, readFileSync }
}

/** Makes `fn:assets`, `fn:fs` and `fn:fs/promises` importable. */
export function installAssets(): void {
  Bun.plugin({
    name: 'assets',
    setup(build) {
      build.module('fn:assets', () => ({ exports: { add, read }, loader: 'object' }))
      const all = fsExports()
      const promises = all.promises as Record<string, unknown>
      for (const [name, exports] of [
        ['fn:fs', all],
        ['fn:fs/promises', promises],
      ] as const) {
        build.module(name, () => ({ exports: { ...exports, default: exports }, loader: 'object' }))
      }
    },
  })
}
