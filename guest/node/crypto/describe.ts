/** How an error shows the value that it refuses: a short form of util.inspect, without its size. */

export function inspect(value: unknown): string {
  if (typeof value === 'string') return quoted(value)
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'symbol') return String(value)
  if (typeof value === 'function') return `[Function ${value.name || '(anonymous)'}]`
  if (Object.is(value, -0)) return '-0'
  if (typeof value !== 'object' || value === null) return String(value)
  if (Array.isArray(value)) return value.length === 0 ? '[]' : `[ ${shown(value)} ]`
  return shownObject(value)
}

function quoted(text: string): string {
  const short = text.length > 128 ? `${text.slice(0, 128)}...` : text
  return short.includes("'") && !short.includes('"') ? `"${short}"` : `'${short}'`
}

const shown = (list: unknown[]) =>
  list
    .slice(0, 8)
    .map((item) => (typeof item === 'object' && item !== null ? '[Object]' : inspect(item)))
    .join(', ')

function shownObject(value: object): string {
  const keys = Object.keys(value)
  const name = value.constructor?.name
  const prefix = name === undefined || name === 'Object' ? '' : `${name} `
  return keys.length === 0 ? `${prefix}{}` : `${prefix}{ ${keys.slice(0, 8).join(', ')} }`
}
