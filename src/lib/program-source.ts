/** A macro: it runs while its importer is built, never in the service. */

/**
 * Bundles a program that this executable later runs as bun in a separate process.
 *
 * @param entry path below the root of the source tree
 * @param external modules that the program makes itself
 * @returns the program as one text, small enough for one argument of a command line
 * @example
 * import { programSource } from '../lib/program-source.ts' with { type: 'macro' }
 * const RUNNER = programSource('guest/bun/main.ts', ['bundle.js'])
 */
export function programSource(entry: string, external: readonly string[] = []): string {
  // Bun.build would wait for the bundler, which waits for this macro: hence a separate process.
  const built = Bun.spawnSync(
    [
      process.execPath,
      'build',
      `${import.meta.dir}/../../${entry}`,
      '--target=bun',
      '--format=esm',
      ...external.map((name) => `--external=${name}`),
      '--minify-syntax',
      '--minify-whitespace',
    ],
    { env: { ...process.env, BUN_BE_BUN: '1' } },
  )
  if (!built.success) throw new Error(`${entry} cannot be bundled: ${built.stderr}`)
  return built.stdout.toString()
}
