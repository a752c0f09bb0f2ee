import url from '@jspm/core/nodelibs/url'

export * from '@jspm/core/nodelibs/url'

export const { URL, URLSearchParams } = globalThis

/** '' for what is no domain, as Node has it. */
export function domainToASCII(domain) {
  return URL.parse(`http://${domain}`)?.hostname ?? ''
}

export function urlToHttpOptions(from) {
  const { protocol, hostname, hash, search, pathname, href, port, username, password } = from
  return {
    protocol,
    hash,
    search,
    pathname,
    href,
    path: pathname + search,
    hostname: hostname.startsWith('[') ? hostname.slice(1, -1) : hostname,
    ...(port !== '' && { port: Number(port) }),
    ...((username !== '' || password !== '') && {
      auth: `${decodeURIComponent(username)}:${decodeURIComponent(password)}`,
    }),
  }
}

export default Object.assign(url, { URL, URLSearchParams, domainToASCII, urlToHttpOptions })
