/** The runner as one text. This is a macro: it runs when its importer is built, never in the service. */

/** @returns the bundled runner, small enough for one argument of a command line */
export function runnerSource(): string {
  // Bun.build would wait for the bundler, which waits for this macro; so it is a separate process.
  const built = Bun.spawnSync(
    [
      process.execPath,
      'build',
      `${import.meta.dir}/main.ts`,
      '--target=bun',
      '--format=esm',
      // Not a file: the runner defines a module of this name.
      '--external=bundle.js',
      '--minify-syntax',
      '--minify-whitespace',
    ],
    { env: { ...process.env, BUN_BE_BUN: '1' } },
  )
  if (!built.success) throw new Error(`the Bun runner does not build: ${built.stderr}`)
  return built.stdout.toString()
}
