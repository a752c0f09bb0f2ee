// Request and Response from the input's strings: a TypeError or a RangeError, or an object with the given properties,
// whose copy has the same.
const decoder = new TextDecoder()
const KNOWN = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT']
const MODES = ['cors', 'no-cors', 'same-origin', 'navigate', 'x', undefined]
const REDIRECTS = ['follow', 'error', 'manual', 'x', undefined]
const FORBIDDEN = ['CONNECT', 'TRACE', 'TRACK']

export default async (bytes) => {
  if (bytes.length < 4) return
  const [how, body, status, more] = bytes
  const words = decoder.decode(bytes.subarray(4)).split('\0')
  await tried(() => request(how, body, more, words))
  await tried(() => response(how, body, (status << 2) | (more & 3), words))
}

async function tried(run) {
  try {
    await run()
  } catch (error) {
    if (!(error instanceof TypeError) && !(error instanceof RangeError)) throw error
  }
}

function headersOf(how, words) {
  const pairs = []
  for (let i = 3; i + 1 < words.length; i += 2) pairs.push([words[i], words[i + 1]])
  const kinds = [pairs, Object.fromEntries(pairs), new Map(pairs), undefined, [words]]
  return kinds[how % kinds.length]
}

function bodyOf(kind, text) {
  const kinds = [undefined, null, text, new Blob([text], { type: text }), new URLSearchParams(text)]
  kinds.push(new TextEncoder().encode(text).buffer, new Blob([text]).stream(), {
    toString: () => text,
  })
  const form = new FormData()
  form.append(text, text)
  return [...kinds, form][kind % (kinds.length + 1)]
}

async function request(how, kind, more, [url = '', method, text = '', ...rest]) {
  const init = {
    method,
    headers: headersOf(how >> 4, ['', '', '', ...rest]),
    body: bodyOf(kind, text),
    mode: MODES[more % MODES.length],
    redirect: REDIRECTS[how % REDIRECTS.length],
    referrer: how & 64 ? text : undefined,
    integrity: how & 128 ? text : undefined,
    duplex: 'half',
  }
  const made = new Request(url, init)
  if (made.url !== new URL(url).href) throw new Error(`url ${made.url}`)
  const upper = method?.toUpperCase() ?? 'GET'
  if (made.method !== (KNOWN.includes(upper) ? upper : method)) throw new Error(made.method)
  if (FORBIDDEN.includes(upper)) throw new Error(`method ${method}`)
  const copy = new Request(made.clone())
  for (const name of ['url', 'method', 'mode', 'redirect', 'integrity', 'referrer']) {
    if (copy[name] !== made[name]) throw new Error(`${name}: ${copy[name]}, was ${made[name]}`)
  }
  await compare(made, copy)
}

async function response(how, kind, status, [statusText = '', location = '', text = '', ...rest]) {
  const init = { status, statusText, headers: headersOf(how >> 4, ['', '', '', ...rest]) }
  const made = new Response(bodyOf(kind, text), init)
  if (made.status !== status || made.statusText !== statusText) throw new Error(`${made.status}`)
  if (made.ok !== (status >= 200 && status < 300)) throw new Error('ok')
  await compare(made, made.clone())
  await tried(() => Response.json(text, init))
  const moved = Response.redirect(location, status)
  if (moved.headers.get('location') !== new URL(location).href) throw new Error('location')
}

async function compare(made, copy) {
  const one = JSON.stringify([...made.headers])
  const other = JSON.stringify([...copy.headers])
  if (one !== other) throw new Error(`headers ${one}, in the copy ${other}`)
  const [mine, its] = await Promise.all([made.bytes(), copy.bytes()])
  if (mine.length !== its.length || mine.some((byte, i) => byte !== its[i])) throw new Error('body')
}
