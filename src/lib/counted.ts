/** "1 bundle", "2 bundles": a number with a noun whose plural has an s. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
