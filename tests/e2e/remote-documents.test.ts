/** What docs/operations.md tells people to run against a service on another machine, as it stands there. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { cpSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { YAML } from 'bun'
import { EXECUTABLE, ROOT } from './harness.ts'
import { Managed } from './management.ts'

const TEXT = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8')
const block = (kind: string) =>
  new RegExp(`### Deploy from a CI job[\\s\\S]*?\`\`\`${kind}\n([\\s\\S]*?)\`\`\``).exec(
    TEXT,
  )?.[1] ?? ''

let managed: Managed
let job: string

beforeAll(async () => {
  managed = await Managed.start()
  await managed.space.command('project', 'create', 'shop')
  job = join(managed.space.dir, 'job')
  mkdirSync(job)
}, 30_000)

afterAll(() => managed.remove())

async function bash(script: string): Promise<string> {
  const token = await managed.token(
    `ci-${Bun.randomUUIDv7().slice(-8)}`,
    'deployer',
    'project:shop',
  )
  const ca = join(managed.space.dir, 'ca.pem')
  const child = Bun.spawn(['bash', '-euo', 'pipefail', '-c', script], {
    cwd: job,
    env: {
      PATH: process.env.PATH,
      HOME: managed.space.dir,
      NODE_EXTRA_CA_CERTS: ca,
      CURL_CA_BUNDLE: ca,
      FUNCTIONS_URL: managed.url,
      FUNCTIONS_TOKEN: token,
    },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ])
  expect([await child.exited, stderr]).toEqual([0, expect.any(String)])
  return stdout
}

const served = async () =>
  await (await managed.service.fetch('/projects/shop/functions/api')).text()

test('the job of GitHub Actions', async () => {
  const workflow = YAML.parse(block('yaml')) as {
    jobs: { deploy: { env: Record<string, string>; steps: { run?: string }[] } }
  }
  const { env, steps } = workflow.jobs.deploy
  expect(Object.keys(env)).toEqual(['FUNCTIONS_URL', 'FUNCTIONS_TOKEN'])
  await Bun.write(join(job, 'package.json'), '{}')
  await Bun.write(join(job, 'api.ts'), "export default () => new Response('from a job')\n")
  await bash(
    'git init -q && git add -A && git -c user.name=ci -c user.email=ci@example.com commit -qm first',
  )
  cpSync(EXECUTABLE, join(job, 'functions'))
  const commands = steps.flatMap(({ run }) => (run === undefined ? [] : [run]))
  expect(commands).toHaveLength(3)
  const output = []
  for (const command of commands.filter((each) => !each.startsWith('curl')))
    output.push(await bash(command))
  expect(output[0]).toMatch(/role +deployer/)
  expect(await served()).toBe('from a job')
}, 60_000)

test('the first steps on one machine', async () => {
  const steps = /To try it on one machine[\s\S]*?```bash\n([\s\S]*?)```/.exec(TEXT)?.[1]
  const port = 20_000 + (process.pid % 10_000)
  const folder = join(managed.space.dir, 'first')
  mkdirSync(folder)
  cpSync(EXECUTABLE, join(folder, 'functions'))
  const script = (steps ?? '').replaceAll('9443', String(port)).replace(' &\n', ' --port 0 &\n')
  const child = Bun.spawn(
    ['bash', '-euo', 'pipefail', '-c', `trap 'kill $(jobs -p)' EXIT\n${script}`],
    { cwd: folder, env: { PATH: `${folder}:${process.env.PATH}`, HOME: folder }, stderr: 'pipe' },
  )
  const output = await new Response(child.stdout).text()
  expect(await child.exited).toBe(0)
  expect(output).toMatch(/role +deployer/)
  expect(output).toContain('try v1: quickjs-ng, strict profile')
}, 60_000)

test('curl', async () => {
  await Bun.write(join(job, 'bundle.js'), "export default () => new Response('from curl')\n")
  await Bun.write(
    join(job, 'bundle.js.map'),
    '{"version":3,"sources":[],"sourcesContent":[],"names":[],"mappings":""}',
  )
  expect(JSON.parse(await bash(block('sh')))).toMatchObject({ function: 'api', live: true })
  expect(await served()).toBe('from curl')
}, 60_000)
