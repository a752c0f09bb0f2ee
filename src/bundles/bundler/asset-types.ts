/** What a bundle makes of files that are no scripts, by the ending of their name. */
import { extname } from 'node:path'

/** The largest asset, and the largest file that is imported as bytes. */
export const MAX_ASSET_BYTES = 10 * 2 ** 20
/** All assets of one bundle together. As base64 they leave room for code in the bundle. */
export const MAX_ASSETS_BYTES = 24 * 2 ** 20
/** Assets of one bundle, and files that one glob may match. */
export const MAX_MATCHES = 1000

const TEXT: Readonly<Record<string, string>> = {
  '.css': 'text/css',
  '.csv': 'text/csv',
  '.gql': 'application/graphql',
  '.graphql': 'application/graphql',
  '.htm': 'text/html',
  '.html': 'text/html',
  '.md': 'text/markdown',
  '.sql': 'application/sql',
  '.svg': 'image/svg+xml',
  '.tsv': 'text/tab-separated-values',
  '.txt': 'text/plain',
  '.xml': 'application/xml',
}

const BINARY: Readonly<Record<string, string>> = {
  '.avif': 'image/avif',
  '.bin': 'application/octet-stream',
  '.dat': 'application/octet-stream',
  '.gif': 'image/gif',
  '.gz': 'application/gzip',
  '.ico': 'image/x-icon',
  '.jpeg': 'image/jpeg',
  '.jpg': 'image/jpeg',
  '.mp3': 'audio/mpeg',
  '.mp4': 'video/mp4',
  '.otf': 'font/otf',
  '.pdf': 'application/pdf',
  '.png': 'image/png',
  '.ttf': 'font/ttf',
  '.wasm': 'application/wasm',
  '.webp': 'image/webp',
  '.woff': 'font/woff',
  '.woff2': 'font/woff2',
  '.zip': 'application/zip',
}

const OTHER_TEXT: Readonly<Record<string, string>> = {
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.mjs': 'text/javascript',
}

/** Files that an import turns into a string. */
export const TEXT_ENDINGS = Object.keys(TEXT)

/** Files that an import turns into a Uint8Array. */
export const BINARY_ENDINGS = Object.keys(BINARY)

/** The `content-type` of a file that is fetched. */
export function contentType(file: string): string {
  const ending = extname(file).toLowerCase()
  const text = TEXT[ending] ?? OTHER_TEXT[ending]
  return text !== undefined ? `${text};charset=utf-8` : (BINARY[ending] ?? BINARY['.bin'] ?? '')
}
