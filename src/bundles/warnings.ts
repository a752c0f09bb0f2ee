/** Warnings about a bundle that is accepted: one for each cause, with the places where it occurs. */
import type { SourcePosition } from '../errors.ts'

/** Places that a warning names; it counts the others. */
const MAX_PLACES = 5

/** Its position is the first place. */
export interface BundleWarning extends SourcePosition {
  message: string
  /** The next places, without the first; at most MAX_PLACES with it. */
  places: SourcePosition[]
  /** Places that are not named. */
  more: number
}

/** @param positions at least one, in the order in which they are shown; duplicates are left out */
export function warningAt(message: string, positions: readonly SourcePosition[]): BundleWarning {
  const byText = new Map(positions.map((position) => [placeText(position), position]))
  const [first = { file: '', line: 1, column: 1 }, ...rest] = byText.values()
  const places = rest.slice(0, MAX_PLACES - 1)
  return { message, ...first, places, more: rest.length - places.length }
}

export function placeText({ file, line, column }: SourcePosition): string {
  return `${file}:${line}:${column}`
}

/** @example a.ts:1:2: 'document' is not available in quickjs-ng functions. Also at b.ts:3:4, and 2 more. */
export function warningText(warning: BundleWarning): string {
  const { message, places, more } = warning
  const list = places.map(placeText).join(', ')
  const others = more === 0 ? '' : `, and ${more} more`
  const also = places.length === 0 ? '' : ` Also at ${list}${others}.`
  return `${placeText(warning)}: ${message}${also}`
}
