/** The programs of one tenant see neither the other’s processes nor the service. */
import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { SECRETS, SERVICE_SECRET, useTenants } from './tenants.ts'

const tenants = useTenants(['strict', 'open'])
const { space } = tenants
const ask = tenants.ask.bind(tenants)

describe('programs of one', () => {
  test('see nothing of the service', async () => {
    const { dataDir } = space
    const look = `cat ${dataDir}/metadata.db; ls ${dataDir} ${dataDir}/bundles; cat /proc/*/environ`
    const answer = await ask('alpha-open', 'shell', look)
    expect(answer).toStartWith('exit')
    for (const secret of [SECRETS.beta, SERVICE_SECRET, 'SQLite format', 'func-beta']) {
      expect(answer).not.toContain(secret)
    }
  })

  test('see no process but their own, and signal none', async () => {
    await ask('beta-open', 'recall')
    await ask('beta-strict', 'recall')
    const before = await tenants.service.workers()
    const pids = before.filter((row) => row.function.startsWith('beta')).map((row) => row.pid)
    const answer = await ask(
      'alpha-open',
      'shell',
      'cat /proc/*/cmdline | tr "\\\\0" " "; ls -d /proc/[0-9]*',
    )
    expect(answer).toContain('/proc/')
    for (const pid of [...pids, tenants.service.process.pid])
      expect(answer).not.toContain(`/proc/${pid}\n`)
    expect(answer).not.toContain('functions serve')
    await ask('alpha-open', 'shell', `kill -9 ${pids.join(' ')} ${tenants.service.process.pid}`)
    const after = await tenants.service.workers()
    for (const pid of pids) expect(after.map((row) => row.pid)).toContain(pid)
  })

  test('do not reach the management socket', async () => {
    const socket = join(space.dataDir, 'functions.sock')
    const answer = await ask(
      'alpha-open',
      'shell',
      `test -e ${socket} && echo there || echo missing`,
    )
    expect(answer).toContain('missing')
  })
})
