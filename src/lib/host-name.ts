/** Host names: of requests, of routes, and of the patterns in the settings. */

const MAX_NAME = 253
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/
/** The last label of a name; of an IPv4 address it is a number. */
const NUMBER = /^(?:\d+|0x[\da-f]*)$/
const DOT = 46

/** One level below a name. */
const ANY = '*'

/** What a pattern holds for: `{name}.{project}.example.com`, `*.{project}.example.com`. */
export interface HostPattern {
  /** Matches a name in lower case. */
  regExp: RegExp
  /** It has the placeholder, which is the group of this name. */
  project: boolean
}

/**
 * The host in an absolute URL as routes are looked up by it: lower case, without a port and a dot at the end. Empty for
 * an IPv6 address.
 */
export function hostOf(url: string): string {
  const at = url.indexOf('//') + 2
  const slash = url.indexOf('/', at)
  let end = slash < 0 ? url.length : slash
  const colon = url.indexOf(':', at)
  if (colon >= 0 && colon < end) end = colon
  if (end > at && url.charCodeAt(end - 1) === DOT) end--
  return url[at] === '[' ? '' : url.slice(at, end).toLowerCase()
}

/** `example.com` of `a.example.com`; empty for a name of one label. */
export function parentOf(host: string): string {
  const dot = host.indexOf('.')
  return dot < 0 ? '' : host.slice(dot + 1)
}

/**
 * A host as routes have it: lower case, names of other scripts in their ASCII form (IDNA). `*` stands for one level.
 * Undefined if it is not valid, or an IP address.
 */
export function parseHost(text: string): string | undefined {
  const wildcard = text.startsWith('*.')
  const given = (wildcard ? text.slice(2) : text).replace(/\.$/, '')
  if (given === '' || /[^\p{L}\p{M}\p{N}._-]/u.test(given)) return undefined
  const ascii = URL.parse(`http://${given}/`)?.hostname
  if (ascii === undefined || ascii.length > MAX_NAME || !isName(ascii)) return undefined
  return wildcard ? `${ANY}.${ascii}` : ascii
}

function isName(host: string): boolean {
  const labels = host.split('.')
  return labels.every((label) => LABEL.test(label)) && !NUMBER.test(labels.at(-1) as string)
}

/**
 * A pattern whose labels are text, `{name}` or `{project}`; undefined if it is not valid.
 *
 * @param text such as `{name}.{project}.example.com`: `{name}` must be in it
 */
export function parseFunctionPattern(text: string): HostPattern | undefined {
  const placeholders: Record<string, string> = { '{name}': 'name', '{project}': 'project' }
  const parsed = parsePattern(text, (label) => placeholders[label])
  return text.split('.').includes('{name}') ? parsed : undefined
}

/**
 * A pattern whose labels are text, `*` or `{project}`; undefined if it is not valid.
 *
 * @param text such as `*.{project}.example.com`
 */
export function parseDomainPattern(text: string): HostPattern | undefined {
  return parsePattern(text, (label) =>
    label === ANY ? '' : label === '{project}' ? 'project' : undefined,
  )
}

/** @param groupOf the group of a label that is a placeholder; empty for one without a name */
function parsePattern(
  text: string,
  groupOf: (label: string) => string | undefined,
): HostPattern | undefined {
  const groups: string[] = []
  const parts: string[] = []
  for (const label of text.toLowerCase().split('.')) {
    const group = groupOf(label)
    if (group !== undefined) {
      if (group !== '' && groups.includes(group)) return undefined
      groups.push(group)
      parts.push(group === '' ? '[^.]+' : `(?<${group}>[a-z0-9-]{1,63})`)
    } else if (LABEL.test(label)) parts.push(label)
    else return undefined
  }
  // Without a fixed label it would match other people's names.
  if (groups.length === parts.length || text.length > MAX_NAME) return undefined
  return { regExp: new RegExp(`^${parts.join('\\.')}$`), project: groups.includes('project') }
}

/** Whether a project may use a host, by one of the patterns. */
export function allowsHost(
  patterns: readonly HostPattern[],
  host: string,
  project: string,
): boolean {
  return patterns.some((pattern) => {
    const match = pattern.regExp.exec(host)
    return match !== null && (!pattern.project || match.groups?.project === project)
  })
}
