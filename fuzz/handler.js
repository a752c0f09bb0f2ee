// The handler of the target `messages`. The method and the path select what it does with the request, its body and the
// response of a fetch.
const never = new ReadableStream({ pull: () => new Promise(() => {}) })
const background = []

export default {
  async fetch(request, _env, ctx) {
    const { pathname } = new URL(request.url)
    request.signal.addEventListener('abort', () => background.push(request.signal.reason))
    if (background.length > 8) background.length = 0
    switch (pathname[1]) {
      case 'e':
        return new Response(request.body, { headers: request.headers })
      case 't':
        return new Response((await request.text()).slice(0, 100))
      case 'j':
        return Response.json([...(await request.formData())].length)
      case 'f':
        return fetch('http://a/', { method: request.method, body: request.body, duplex: 'half' })
      case 'g':
        return answers(await Promise.allSettled([fetch('http://a/'), fetch('http://b/')]))
      case 'h':
        return fetch('http://a/', { method: 'HEAD' })
      case 'p':
        return fetch('http://a/', { method: 'POST', body: 'x'.repeat(300_000) })
      case 'c':
        await request.body?.cancel()
        return new Response('x'.repeat(300_000))
      case 's':
        return new Response(never)
      case 'w':
        ctx.waitUntil(fetch('http://a/').then((response) => response.text()))
        return new Response(null, { status: 204 })
      case 'a':
        return fetch('http://a/', { signal: AbortSignal.any([request.signal]) })
      case 'n':
        return new Promise(() => {})
      case 'x':
        throw new Error(request.headers.get('x-error') ?? 'x')
      default:
        return new Response(pathname, { headers: request.headers })
    }
  },
}

async function answers(settled) {
  const texts = settled.map(({ value }) => value?.text() ?? 'none')
  return Response.json(await Promise.all(texts))
}
