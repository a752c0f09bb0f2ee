import notices from '../../THIRD_PARTY_NOTICES.md' with { type: 'file' }
import { libraryVersions } from '../lib/libraries.ts'
import { RELEASE } from '../release.ts'
import { HAND_OVER } from '../service/hand-over-peer.ts'
import { engineReader } from '../service/native-programs.ts'
import type { Command } from './command.ts'
import { refuseFoundPrograms } from './programs.ts'

export const version: Command = {
  name: 'version',
  localOnly: true,
  summary: 'Print the versions of functions, its runtimes and its libraries',
  examples: ['version', 'version --licenses'],
  options: [{ flags: '--licenses', help: 'print the licences of the software in this executable' }],
  async run({ loaded, print }, _args, { licenses }) {
    if (licenses === true) {
      const text = await Bun.file(notices).text()
      await print({ licenses: text }, () => text)
      return
    }
    refuseFoundPrograms(loaded)
    const engine = engineReader(loaded.config)
    const engines = [await engine('quickjs-ng'), await engine('bun')]
    const libraries = libraryVersions()
    const document = { version: RELEASE, engines, libraries, handOver: HAND_OVER }
    const rows = Object.entries(libraries).map(([name, release]) => `  ${name} ${release}\n`)
    await print(document, () => `functions ${RELEASE} (${engines.join(', ')})\n${rows.join('')}`)
  },
}
