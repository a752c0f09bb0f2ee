/**
 * The management API against its own description, by schemathesis: no server error, and no answer that the OpenAPI
 * document does not describe. FUNCTIONS_SCHEMATHESIS names its program, of the Python package of this name.
 */
import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { Workspace } from './harness.ts'

const PROGRAM = process.env.FUNCTIONS_SCHEMATHESIS
const CHECKS =
  'not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance'

async function check(space: Workspace, url: string, token: string | undefined): Promise<void> {
  const document = await fetch('http://functions/openapi.json', {
    unix: join(space.dataDir, 'functions.sock'),
  })
  space.source('openapi.json', await document.text())
  space.source('schemathesis.toml', '[generation]\nwith-security-parameters = false\n')
  const child = Bun.spawn(
    [
      ...[PROGRAM as string, 'run', 'openapi.json', '--url', url, '--checks', CHECKS],
      ...['-n', '15', '--phases', 'examples,fuzzing,stateful', '--no-color'],
      // One answers for ever, the other ends the process.
      ...['--exclude-path', '/v1/hold', '--exclude-path', '/v1/service/restart'],
      ...(token === undefined ? [] : ['-H', `Authorization: Bearer ${token}`]),
    ],
    { cwd: space.dir, stdout: 'pipe', stderr: 'inherit' },
  )
  const report = await new Response(child.stdout).text()
  const failures = report.split('FAILURES')[1] ?? ''
  expect([await child.exited, failures]).toEqual([0, ''])
}

describe.skipIf(PROGRAM === undefined)('schemathesis (FUNCTIONS_SCHEMATHESIS names it)', () => {
  for (const role of ['admin', 'viewer', undefined]) {
    test(`with ${role === undefined ? 'no token' : `a token of the role ${role}`}`, async () => {
      const space = new Workspace()
      await space.deploy('hello', "export default () => new Response('hello')")
      const service = await space.serve('--admin-listen', '127.0.0.1:0')
      try {
        const url = /"management API","url":"(http:[^"]+)"/.exec(service.log)?.[1] ?? ''
        const flags = ['--role', role ?? 'viewer', '--scope', 'all', '--json']
        const { stdout } = await space.command('token', 'create', 'test', ...flags)
        await check(space, url, role === undefined ? undefined : JSON.parse(stdout).token)
      } finally {
        await service.stop()
        space.remove()
      }
    }, 300_000)
  }
})
