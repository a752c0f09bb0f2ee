// Headers: names in order and in lower case, values without white space around them.
const latin1 = new TextDecoder('windows-1252')

export default (bytes) => {
  const text = latin1.decode(bytes)
  const headers = new Headers()
  for (const line of text.split('\n')) {
    const [name = '', value = '', more = ''] = line.split(':')
    try {
      headers.append(name, value)
      // Two empty values joined end with white space.
      const alone = new Headers([[name, value]]).get(name)
      if (/^[\t\n\r ]|[\t\n\r ]$/.test(alone)) throw new Error(`white space around ${name}`)
      if (more !== '') headers.set(name, more)
      if (more === ' ') headers.delete(name)
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
    }
  }
  let before = ''
  for (const [name, value] of headers) {
    if (name < before || name !== name.toLowerCase()) throw new Error(`name ${name}`)
    if (/[\0\n\r]/.test(value)) throw new Error(`value of ${name}`)
    if (name !== 'set-cookie' && headers.get(name) !== value) throw new Error(`get ${name}`)
    before = name
  }
  new Response(null, { headers })
  new Request('http://a/', { headers })
}
