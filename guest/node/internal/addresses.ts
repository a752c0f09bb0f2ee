/** What is an IP address, as `isIP` of Node's node:net says it. */

const IPV4 = /^(?:(?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])(?:\.(?!$)|$)){4}$/

/** 4, 6, or 0 for what is no address. */
export function isIP(text: unknown): 0 | 4 | 6 {
  const value = String(text)
  if (IPV4.test(value)) return 4
  // The URL parser knows the forms of IPv6, but not its zones.
  const plain = value.replace(/%[0-9a-z.:-]+$/i, '')
  return /^[0-9a-f:.]{2,45}$/i.test(plain) && URL.canParse(`http://[${plain}]/`) ? 6 : 0
}
