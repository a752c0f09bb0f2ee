// atob and btoa: an error, or the decoded data encodes to the same again.
const latin1 = new TextDecoder('iso-8859-1')

export default (bytes) => {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  if (atob(btoa(text)) !== text) throw new Error('there and back')
  try {
    const decoded = atob(text)
    if (atob(btoa(decoded)) !== decoded) throw new Error('back and there')
  } catch (error) {
    if (error.name !== 'InvalidCharacterError') throw error
  }
  try {
    btoa(latin1.decode(bytes))
  } catch (error) {
    if (error.name !== 'InvalidCharacterError') throw error
  }
}
