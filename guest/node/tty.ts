/** node:tty: a worker has no terminal. */

export function isatty(_fd: unknown): boolean {
  return false
}

export default { isatty }
