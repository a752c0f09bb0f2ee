/** Reads the memory of another process. Only root may. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'

const PAGE = 4096
/** Of an entry of /proc/<pid>/pagemap, 8 bytes for each page. */
const ENTRY = 8
const IN_MEMORY_OR_SWAPPED = 0b1100_0000
const PIECE_PAGES = 1024

interface Region {
  start: number
  end: number
}

/** The regions that the process itself could read. */
function readableRegions(pid: number): Region[] {
  const lines = readFileSync(`/proc/${pid}/maps`, 'latin1').trim().split('\n')
  return lines.flatMap((line) => {
    const match = /^([0-9a-f]+)-([0-9a-f]+) r/.exec(line)
    // Pages of the kernel cannot be read like this, and are the same for all processes.
    if (match === null || /\[v(sys)?(call|var|dso).*\]$/.test(line)) return []
    return [{ start: Number(`0x${match[1]}`), end: Number(`0x${match[2]}`) }]
  })
}

/** The pages of a region that are in memory, as runs. */
function* filledRuns(pagemap: number, { start, end }: Region): Generator<Region> {
  const entries = Buffer.alloc(PIECE_PAGES * ENTRY)
  let run: Region | undefined
  for (let at = start; at < end; at += PIECE_PAGES * PAGE) {
    const pages = Math.min(PIECE_PAGES, (end - at) / PAGE)
    readSync(pagemap, entries, 0, pages * ENTRY, (at / PAGE) * ENTRY)
    for (let page = 0; page < pages; page++) {
      const address = at + page * PAGE
      const filled = ((entries[page * ENTRY + ENTRY - 1] as number) & IN_MEMORY_OR_SWAPPED) !== 0
      if (filled) run = { start: run?.start ?? address, end: address + PAGE }
      else if (run !== undefined) yield run
      if (!filled) run = undefined
    }
  }
  if (run !== undefined) yield run
}

export interface Search {
  found: string[]
  /** Bytes that were searched. */
  bytes: number
}

/** Which of these words are in the memory of the process, as bytes or as UTF-16. */
export function searchMemory(pid: number, words: readonly string[]): Search {
  const found = new Set<string>()
  let bytes = 0
  const memory = openSync(`/proc/${pid}/mem`, 'r')
  const pagemap = openSync(`/proc/${pid}/pagemap`, 'r')
  try {
    for (const region of readableRegions(pid)) {
      for (const { start, end } of filledRuns(pagemap, region)) {
        const content = Buffer.alloc(end - start)
        bytes += readSync(memory, content, 0, content.length, start)
        for (const word of words) {
          if (content.includes(word) || content.includes(word, 0, 'utf16le')) found.add(word)
        }
      }
    }
  } finally {
    closeSync(memory)
    closeSync(pagemap)
  }
  return { found: [...found].sort(), bytes }
}
