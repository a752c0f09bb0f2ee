/** Where the tests believe to be: what answers for the server that they were written for. */
import { readFile } from './checkout.ts'

export interface Host {
  /** Scheme, host and port in front of every path. */
  readonly origin: string
  /** The server is there, so that tests may ask it. */
  readonly served: boolean
  /** A file as the server would give it. */
  read(path: string): string
}

/** The names that the server puts into files with `.sub.` in their name. */
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

/** What the server has under another path than the checkout. */
const MOVED: Record<string, string> = {
  'resources/WebIDLParser.js': 'resources/webidl2/lib/webidl2.js',
}

/** A host whose HTTP is on these ports. */
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

/** The files of the checkout, and no server. */
export const diskHost: Host = hostOf([8000, 8001], false)
