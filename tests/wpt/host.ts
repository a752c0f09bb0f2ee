/**
 * The origin at which the tests believe to be, and what answers for the server that they expect.
 */
import { readFile } from './checkout.ts'

export interface Host {
  /** Scheme, host and port before every path. */
  readonly origin: string
  /** The server runs, so tests may send requests to it. */
  readonly served: boolean
  /** A file as the server would send it. */
  read(path: string): string
}

/** The names that the server inserts into files with `.sub.` in their name. */
const namesOf = (ports: readonly [number, number]): Record<string, string> => ({
  host: 'web-platform.test',
  'domains[www]': 'www.web-platform.test',
  'domains[www2]': 'www2.web-platform.test',
  'hosts[alt][]': 'not-web-platform.test',
  'hosts[alt][www2]': 'www2.not-web-platform.test',
  'ports[http][0]': String(ports[0]),
  'ports[http][1]': String(ports[1]),
  'ports[https][0]': '8443',
  'ports[https][1]': '8444',
})

function substitute(path: string, source: string, names: Record<string, string>): string {
  return source.replace(/\{\{([^{}]*)\}\}/g, (_, name: string) => {
    const value = names[name]
    if (value === undefined) throw new Error(`${path}: no value for {{${name}}}`)
    return value
  })
}

/** Files that the server has under a path that differs from the checkout. */
const MOVED: Record<string, string> = {
  'resources/WebIDLParser.js': 'resources/webidl2/lib/webidl2.js',
}

/** A host with HTTP on these ports. */
export function hostOf(ports: readonly [number, number], served: boolean): Host {
  const names = namesOf(ports)
  return {
    origin: `http://${names.host}:${ports[0]}`,
    served,
    read(path) {
      const source = readFile(MOVED[path] ?? path)
      return /\.sub\./.test(path) ? substitute(path, source, names) : source
    },
  }
}

/** The files of the checkout, without a server. */
export const diskHost: Host = hostOf([8000, 8001], false)
