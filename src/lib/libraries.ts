/** The C libraries in the worker, as locked in third-party/libraries.json. */
import lock from '../../third-party/libraries.json' with { type: 'json' }

const { libraries } = lock

type LibraryName = keyof typeof libraries

export function libraryVersion(name: LibraryName): string {
  return libraries[name].version
}

/** Every library with its version, by name. */
export function libraryVersions(): Record<string, string> {
  return Object.fromEntries(Object.entries(libraries).map(([name, { version }]) => [name, version]))
}
