// URL and URLSearchParams: a serialized URL parses to the same again.
const PARTS = [
  'href',
  'protocol',
  'username',
  'password',
  'host',
  'hostname',
  'port',
  'pathname',
  'search',
  'hash',
]
const decoder = new TextDecoder()

export default (bytes) => {
  const [text = '', base, part = ''] = decoder.decode(bytes).split('\0')
  query(text)
  if (!URL.canParse(text, base)) {
    if (URL.parse(text, base) !== null) throw new Error('parse without canParse')
    return
  }
  const url = new URL(text, base)
  const { href } = url
  if (new URL(href).href !== href) throw new Error(`${href} is parsed to ${new URL(href).href}`)
  for (const name of PARTS) {
    try {
      url[name] = part
    } catch (error) {
      if (name !== 'href' || !(error instanceof TypeError)) throw error
    }
    if (!URL.canParse(url.href)) throw new Error(`${name} made ${url.href}`)
  }
  url.searchParams.append(part, text)
  url.searchParams.delete(text)
}

function query(text) {
  const params = new URLSearchParams(text)
  const written = params.toString()
  if (new URLSearchParams(written).toString() !== written) throw new Error(`query ${written}`)
  params.sort()
  if ([...params].length !== params.size) throw new Error('size')
}
