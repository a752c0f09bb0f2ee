import JSZip from 'jszip'

export default async (req: Request): Promise<Response> => {
  if (req.method === 'GET') {
    const zip = new JSZip()
    zip.file('hello.txt', 'Hello')
    zip.folder('nested')?.file('ä.json', JSON.stringify({ n: 1 }))
    const bytes = await zip.generateAsync({ type: 'uint8array', compression: 'DEFLATE' })
    const again = await JSZip.loadAsync(bytes)
    return Response.json({
      names: Object.keys(again.files),
      text: await again.file('nested/ä.json')?.async('string'),
    })
  }
  try {
    await JSZip.loadAsync(await req.arrayBuffer())
    return new Response('read')
  } catch (error) {
    return new Response((error as Error).message.split(':')[0], { status: 400 })
  }
}
