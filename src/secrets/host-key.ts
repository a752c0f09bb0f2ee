/**
 * The form in which the hosts of a secret are compared: `host`, or `host:port` unless the port is 443.
 *
 * @param host as `normaliseHost` returns it
 */
export function hostKey(host: string, port: number): string {
  if (port === 443) return host
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
