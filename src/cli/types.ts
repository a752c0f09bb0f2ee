import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import workerTypes from '../../.build/worker-types.pack' with { type: 'file' }
import { FunctionError } from '../errors.ts'
import type { Command } from './command.ts'

const DEFAULT_FILE = 'functions.d.ts'

export const types: Command = {
  name: 'types',
  args: '[file]',
  localOnly: true,
  summary: 'Write the TypeScript types of handlers, their context and the globals of a worker',
  examples: ['types', 'types src/functions.d.ts'],
  async run({ print }, [file = DEFAULT_FILE]) {
    const path = resolve(file)
    if (!path.endsWith('.d.ts')) {
      throw new FunctionError('BAD_REQUEST', `The file name must end in .d.ts, not '${file}'.`)
    }
    const text = await Bun.file(workerTypes).text()
    try {
      writeFileSync(path, text)
    } catch (cause) {
      const why = (cause as NodeJS.ErrnoException).code
      throw new FunctionError(
        'BAD_REQUEST',
        `${path} cannot be written (${why}): check that its directory exists and is writable.`,
        { cause },
      )
    }
    const hint = 'set "lib": ["ESNext"] and "types": [] in tsconfig.json to use it'
    await print({ file: path }, () => `${path} written; ${hint}\n`)
  },
}
