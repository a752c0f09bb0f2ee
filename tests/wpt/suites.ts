/** The suites of files.json, run two workers at a time. */
import type { Egress } from '../../src/egress/egress.ts'
import type { TestZygote } from '../worker/harness.ts'
import { readTest } from './checkout.ts'
import list from './files.json'
import { diskHost, type Host } from './host.ts'
import { type FileResult, runFile } from './run-file.ts'

const WORKERS = 2

/** The environment of the tests. */
export interface Surroundings {
  host: Host
  /** Sends requests to the host, when that is a server. */
  egress?: Egress
}

/** Suites that need a server. */
const SERVED = ['FileAPI', 'fetch/api']

export const needsServer = (suite: string): boolean => SERVED.includes(suite)

/** Suite -> paths of its files, relative to the suite's folder. */
const files: Record<string, string[]> = list

export const SUITES = Object.keys(files)

/** Runs the files of a suite whose names contain `part`. */
export async function runSuite(
  template: TestZygote,
  suite: string,
  part = '',
  surroundings: Surroundings = { host: diskHost },
): Promise<FileResult[]> {
  const runs = (files[suite] ?? []).flatMap((file) => {
    const test = readTest(`${suite}/${file}`)
    return test.variants.map((variant) => ({ test, variant, name: `${file}${variant}` }))
  })
  const wanted = runs.filter(({ name }) => name.includes(part))
  const results: FileResult[] = []
  let next = 0
  async function work(): Promise<void> {
    for (let at = next++; at < wanted.length; at = next++) {
      const { test, variant, name } = wanted[at] as (typeof wanted)[number]
      results[at] = { name, ...(await runFile(template, test, variant, surroundings)) }
    }
  }
  await Promise.all(Array.from({ length: WORKERS }, work))
  return results
}
