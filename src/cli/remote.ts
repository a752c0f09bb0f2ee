/** Requests to the management API of a service on another machine. */
import { FunctionError } from '../errors.ts'
import { removeProxyVariables } from '../lib/proxy-variables.ts'

export interface Remote {
  /** Without a slash at the end. */
  url: string
  token: string
  /** Certificates of authorities, PEM; undefined: those of the runtime. */
  ca: string[] | undefined
}

/** Sends requests to the service with its token, and never to where it redirects. */
export function remoteSend({ url, token, ca }: Remote) {
  // A proxy for plain HTTP would read the token.
  if (url.startsWith('http:')) removeProxyVariables(process.env)
  return async (path: string, init: RequestInit): Promise<Response> => {
    const headers = new Headers(init.headers)
    headers.set('authorization', `Bearer ${token}`)
    const options = { ...init, headers, redirect: 'manual', timeout: false, keepalive: false }
    let response: Response
    try {
      const tls = ca === undefined ? {} : { tls: { ca } }
      response = await fetch(`${url}${path}`, { ...options, ...tls } as RequestInit)
    } catch (cause) {
      throw unreachable(url, cause)
    }
    if (response.status < 300 || response.status > 399) return response
    const target = response.headers.get('location') ?? 'another address'
    const message = `${url} redirects to ${target}, and the token was not sent there: set the URL of the management API itself.`
    throw new FunctionError('NOT_RUNNING', message)
  }
}

function unreachable(url: string, cause: unknown): FunctionError {
  const { code, message } = cause as NodeJS.ErrnoException
  const why = code ?? message
  const hint = /CERT|SIGNATURE|SIGNED|TLS|SSL/i.test(why)
    ? 'its certificate is not valid for this name, or is of an authority that this machine does not know: set NODE_EXTRA_CA_CERTS to the certificate of the authority'
    : 'check the URL, and that the service listens there (admin.listen)'
  return new FunctionError('NOT_RUNNING', `${url} cannot be used (${why}): ${hint}.`, { cause })
}
