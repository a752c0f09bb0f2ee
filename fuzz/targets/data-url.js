// fetch of a data: URL, and the parsing of a body's type.
const decoder = new TextDecoder()

export default async (bytes) => {
  const text = decoder.decode(bytes)
  try {
    const response = await fetch(`data:${text}`)
    const blob = await response.blob()
    if (blob.size !== (await blob.arrayBuffer()).byteLength) throw new Error('size')
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
  }
  try {
    const headers = new Headers({ 'content-type': text.split('\0')[0] })
    await new Response('x', { headers }).blob()
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
  }
  new File([text], text, { type: text })
}
