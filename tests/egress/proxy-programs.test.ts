/** Squid and Tinyproxy as `egress.proxy`, with the lines of docs/operations.md in their configurations. */
import { expect, test } from 'bun:test'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A public address, which a network namespace of the test has on its loopback device. */
const ADDRESS = '93.184.216.34'
const PORT = 3128
const PATH = `${process.env.PATH}:/usr/sbin`
const here = (file: string) => join(import.meta.dir, file)

interface Program {
  command: (file: string) => string[]
  configuration: (dir: string) => string
  /** Its answer to a wrong password. */
  denied: number
}

const PROGRAMS: Record<string, Program> = {
  squid: {
    command: (file) => ['squid', '-N', '-f', file],
    configuration: (dir) => `
      http_port 127.0.0.1:${PORT}
      acl SSL_ports port 80 443
      acl CONNECT method CONNECT
      http_access deny CONNECT !SSL_ports
      auth_param basic program /usr/lib/squid/basic_ncsa_auth ${dir}/users
      acl known proxy_auth REQUIRED
      http_access allow known
      http_access deny all
      access_log none
      cache_log /dev/null
      pid_filename none
      shutdown_lifetime 0 seconds`,
    denied: 407,
  },
  tinyproxy: {
    command: (file) => ['tinyproxy', '-d', '-c', file],
    configuration: (dir) => `
      Port ${PORT}
      Listen 127.0.0.1
      BasicAuth user password
      ConnectPort 80
      ConnectPort 443
      LogFile "${dir}/log"`,
    // RFC 9110, 15.5.8, wants 407; Tinyproxy 1.11 sends this.
    denied: 401,
  },
}

/** Prints what fetches through the proxy gave. */
const CLIENT = `
import { createServer as createTls } from 'node:tls'
import { createServer } from 'node:http'
import { selfSigned } from '${here('certificates.ts')}'
import { DnsServer } from '${here('dns-server.ts')}'
import { fetchOnce, makeEgress, makeSession } from '${here('harness.ts')}'
const dns = await DnsServer.start()
dns.zone['public.test'] = [['${ADDRESS}']]
const web = createServer((request, response) => response.end('hello ' + request.headers.host))
await new Promise((resolve) => web.listen(80, '${ADDRESS}', resolve))
const tls = createTls(await selfSigned(['public.test']))
tls.on('tlsClientError', () => {})
await new Promise((resolve) => tls.listen(443, '${ADDRESS}', resolve))
const ask = async (url, credentials = 'user:password@') => {
  const proxy = 'http://' + credentials + '127.0.0.1:${PORT}'
  const egress = makeEgress({ resolver: dns.address, proxy })
  const { error, body } = await fetchOnce(makeSession(egress), url)
  egress.close()
  return error === undefined ? body.toString() : error.reason + ': ' + error.message
}
const listens = async () => {
  try {
    await Bun.connect({ hostname: '127.0.0.1', port: ${PORT}, socket: { data() {}, open: (s) => s.end() } })
    return true
  } catch { return false }
}
for (let tries = 0; tries < 500 && !(await listens()); tries++) await Bun.sleep(20)
console.log(JSON.stringify([
  await ask('http://public.test/'),
  await ask('https://public.test/'),
  await ask('http://public.test/', 'user:wrong@'),
  await ask('http://public.test:8000/'),
]))
process.exit(0)
`

for (const [name, { command, configuration, denied }] of Object.entries(PROGRAMS)) {
  const runs = process.getuid?.() === 0 && Bun.which(name, { PATH }) !== null
  test.skipIf(!runs)(
    `${name} (needs root, and the program)`,
    async () => {
      const dir = mkdtempSync(join(tmpdir(), `functions-${name}-`))
      // Squid reads the file of its users as a user of its own.
      chmodSync(dir, 0o755)
      const hash = Bun.spawnSync(['openssl', 'passwd', '-apr1', 'password'])
        .stdout.toString()
        .trim()
      writeFileSync(join(dir, 'users'), `user:${hash}\n`)
      writeFileSync(join(dir, 'proxy.conf'), `${configuration(dir).replace(/^ +/gm, '')}\n`)
      writeFileSync(join(dir, 'client.ts'), CLIENT)
      const start = command(join(dir, 'proxy.conf')).join(' ')
      const script = `ip link set lo up && ip addr add ${ADDRESS}/32 dev lo && { ${start} >/dev/null 2>&1 & }; exec "$@"`
      const client = [process.execPath, join(dir, 'client.ts')]
      // The namespace of processes ends the proxy with the client.
      const alone = [
        'unshare',
        '--net',
        '--pid',
        '--fork',
        '--kill-child',
        'sh',
        '-c',
        script,
        'sh',
      ]
      const run = Bun.spawn([...alone, ...client], {
        env: { ...process.env, PATH },
        stderr: 'inherit',
      })
      const said = JSON.parse(await new Response(run.stdout).text())
      rmSync(dir, { recursive: true, force: true })
      expect(said).toEqual([
        'hello public.test',
        'DEPTH_ZERO_SELF_SIGNED_CERT: The TLS certificate of public.test was rejected (DEPTH_ZERO_SELF_SIGNED_CERT).',
        `ERR_PROXY: public.test: the proxy of the service did not connect to port 80 (status ${denied}).`,
        'ERR_PROXY: public.test: the proxy of the service did not connect to port 8000 (status 403).',
      ])
    },
    30_000,
  )
}
