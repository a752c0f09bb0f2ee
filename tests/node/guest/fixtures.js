// What Node's tests require as `../common/fixtures`. The files that a test names are in its bundle.

const files = require('./files.json')

function readSync(parts, encoding) {
  const path = [parts]
    .flat()
    .join('/')
    .replace(/^\/fixtures\//, '')
  const content = files[path]
  if (content === undefined) throw new Error(`The fixture ${path} is not in the bundle`)
  const bytes = Buffer.from(content, 'base64')
  return encoding === undefined ? bytes : bytes.toString(encoding)
}

const readKey = (name, encoding) => readSync(['keys', name], encoding)

module.exports = {
  fixturesDir: '/fixtures',
  path: (...parts) => `/fixtures/${parts.join('/')}`,
  readSync,
  readKey,
  readKeys: (encoding, ...names) => names.map((name) => readKey(name, encoding)),
}
