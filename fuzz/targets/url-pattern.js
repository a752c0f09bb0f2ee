// URLPattern: a TypeError, or test and exec agree.
const decoder = new TextDecoder()

export default (bytes) => {
  const ignoreCase = (bytes[0] & 1) === 1
  const [pattern = '', input = '', base] = decoder.decode(bytes.subarray(1)).split('\0')
  const ways = [
    () => new URLPattern(pattern, base ?? 'https://a.test', { ignoreCase }),
    () => new URLPattern(pattern, { ignoreCase }),
    () => new URLPattern({ pathname: pattern, hostname: base ?? '*' }, { ignoreCase }),
    () => new URLPattern({ search: pattern, protocol: base ?? 'http{s}?' }),
  ]
  for (const make of ways) {
    try {
      const made = make()
      const found = made.exec(input, 'https://a.test/b?c')
      if ((found !== null) !== made.test(input, 'https://a.test/b?c'))
        throw new Error('exec and test differ')
      made.test({ pathname: input })
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
    }
  }
}
