const text = (value) => new Response(new TextEncoder().encode(value), { headers: [] })
const handlers = {
  '/': () => text('ok'),
  '/echo': async (request) => text(await request.text()),
  '/stream': () => new Response(new ReadableStream({
    async start(controller) {
      for (const part of ['one ', 'two ', 'three']) {
        await new Promise((resolve) => setTimeout(resolve, 5))
        controller.enqueue(new TextEncoder().encode(part))
      }
      controller.close()
    },
  })),
  '/throw': () => { throw new Error('broken') },
  '/nothing': () => 5,
  '/log': () => { console.warn('hi'); return text('ok') },
  '/slow': async ({ signal }) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    await new Promise((resolve) => setTimeout(resolve, 5))
    console.warn(signal.reason.name)
    return text('unread')
  },
  '/never': () => new Promise(() => {}),
  '/fetch': async () => {
    try { return text(await (await fetch('http://upstream.test/')).text()) }
    catch (error) { return text(error.name) }
  },
}
export default (request) => handlers[new URL(request.url).pathname](request)
