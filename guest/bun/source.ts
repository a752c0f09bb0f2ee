/** Gives the runner as one text, built when its importer is: a macro, it never runs in the service. */

/** @returns the bundled runner, small enough for one argument of a command line */
export function runnerSource(): string {
  // Bun.build would wait for the bundler that waits for this macro: hence a process of its own.
  const built = Bun.spawnSync(
    [
      process.execPath,
      'build',
      `${import.meta.dir}/main.ts`,
      '--target=bun',
      '--format=esm',
      // Not a file: the runner itself makes a module of that name.
      '--external=bundle.js',
      '--minify-syntax',
      '--minify-whitespace',
    ],
    { env: { ...process.env, BUN_BE_BUN: '1' } },
  )
  if (!built.success) throw new Error(`the Bun runner does not build: ${built.stderr}`)
  return built.stdout.toString()
}
