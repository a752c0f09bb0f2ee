/** The metadata of a test262 file: INTERPRETING.md of the suite, 'Metadata'. */

export interface Metadata {
  flags: string[]
  features: string[]
  includes: string[]
  negative: { phase: string; type: string } | undefined
}

/**
 * Parses the comment between the two marks. Of YAML it reads only the two forms of a list that the
 * suite uses.
 */
export function metadataOf(source: string): Metadata {
  const text = /\/\*---\r?\n?([\s\S]*?)---\*\//.exec(source)?.[1]?.replaceAll('\r', '\n') ?? ''
  const phase = /^\s+phase: (\w+)/m.exec(text)?.[1]
  const type = /^\s+type: (\w+)/m.exec(text)?.[1]
  return {
    flags: listOf(text, 'flags'),
    features: listOf(text, 'features'),
    includes: listOf(text, 'includes'),
    negative: phase !== undefined && type !== undefined ? { phase, type } : undefined,
  }
}

function listOf(text: string, key: string): string[] {
  const inline = new RegExp(`^${key}: *\\[([^\\]]*)\\]`, 'm').exec(text)?.[1]
  if (inline !== undefined) return words(inline.split(','))
  const lines = new RegExp(`^${key}: *\\n((?:[ \\t]+-.*\\n?|\\n)+)`, 'm').exec(text)?.[1] ?? ''
  return words(lines.split('\n').map((line) => line.replace(/^\s+-/, '')))
}

const words = (list: string[]) => list.map((word) => word.trim()).filter((word) => word !== '')
