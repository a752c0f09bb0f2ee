import { RELEASE } from '../release.ts'
import { engineReader } from '../service/native-programs.ts'
import type { Command } from './command.ts'
import { refuseFoundPrograms } from './programs.ts'

export const version: Command = {
  name: 'version',
  summary: 'Print the release, and those of the runtimes',
  examples: ['version'],
  async run({ loaded, print }) {
    refuseFoundPrograms(loaded)
    const engine = engineReader(loaded.config)
    const engines = [await engine('quickjs-ng'), await engine('bun')]
    const document = { version: RELEASE, engines }
    await print(document, () => `functions ${RELEASE} (${engines.join(', ')})\n`)
  },
}
