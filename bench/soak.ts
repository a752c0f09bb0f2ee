/**
 * Runs a service for a long time at half of its maximum load, with deploys, rollbacks, crashes, slow
 * clients, streams and uploads beside it, and looks for what grows: memory, descriptors, processes.
 *
 *     bun bench/soak.ts [--minutes 60] [--rate 5000] [--out soak.json] [--markdown soak.md]
 *
 * A series is flat if its least-squares slope over the run after the warm-up (a sixth of it) adds no more
 * than three standard errors, or than a small floor (soak-samples.ts). The exit status is 1 if one is not,
 * or if descriptors or processes do not return to where they were before the load.
 */
import { writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { parseArgs } from 'node:util'
import { type Service, Workspace } from '../tests/e2e/harness.ts'
import { httpUpstream } from '../tests/egress/upstream.ts'
import { table } from './report.ts'
import { deployAll, jobs } from './soak-functions.ts'
import { type Counts, Load } from './soak-load.ts'
import {
  type AtRest,
  notReturned,
  type Sample,
  sample,
  trendRows,
  trendsOf,
} from './soak-samples.ts'
import { Trouble } from './soak-trouble.ts'

const SAMPLE_MS = 5_000
const MAXIMUM_SECONDS = 8
const WARM_UP_SHARE = 1 / 6
/** An idle worker is stopped after this time, so that the service comes to rest soon. */
const IDLE_TIMEOUT = '15s'
const REST_TIMEOUT_MS = 120_000

interface Soak {
  date: string
  machine: string
  minutes: number
  warmUpSeconds: number
  maximum: number
  rate: number
  counts: Counts
  trouble: Record<string, number>
  atRest: AtRest
  samples: Sample[]
}

const { values: flags } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    rate: { type: 'string' },
    out: { type: 'string' },
    markdown: { type: 'string' },
  },
})
const minutes = Number(flags.minutes)
if (!(minutes >= 1)) {
  process.stderr.write(`--minutes must be a number of at least 1, not '${flags.minutes}'.\n`)
  process.exit(2)
}

const say = (text: string) => process.stderr.write(`${new Date().toISOString()} ${text}\n`)

/** The service has no worker any more; it samples itself then. */
async function rest(service: Service, start: number): Promise<Sample> {
  const end = performance.now() + REST_TIMEOUT_MS
  while ((await service.workers()).length > 0) {
    if (performance.now() > end) throw new Error('The workers did not stop after the load.')
    await Bun.sleep(1_000)
  }
  return sample(service.process.pid, start)
}

async function soak(service: Service, upstream: string): Promise<Soak> {
  const start = performance.now()
  const load = new Load(service.port, jobs(upstream))
  const maximum = await load.maximum(MAXIMUM_SECONDS)
  const rate = flags.rate === undefined ? Math.floor(maximum / 2) : Number(flags.rate)
  // The connections of the load are not what the service needs at rest.
  load.close()
  say(`maximum ${Math.round(maximum)} requests a second; waiting for the service to rest`)
  const before = await rest(service, start)
  load.counts.sent = load.counts.ok = load.counts.dropped = 0

  const began = performance.now()
  const stop = new AbortController()
  const trouble = new Trouble(service, stop.signal)
  const samples: Sample[] = []
  const timer = setInterval(() => samples.push(sample(service.process.pid, began)), SAMPLE_MS)
  say(`${rate} requests a second for ${minutes} minutes`)
  const running = Promise.all([load.run(rate, stop.signal), trouble.run()])
  for (let left = minutes * 60; left > 0; left -= 60) {
    await Bun.sleep(Math.min(60, left) * 1000)
    say(`${JSON.stringify(samples.at(-1))} ${JSON.stringify(load.counts)}`)
  }
  clearInterval(timer)
  stop.abort()
  await running
  load.close()
  say('the load is over; waiting for the service to rest')
  const after = await rest(service, began)
  return {
    date: new Date().toISOString(),
    machine: `${cpus().length} x ${cpus()[0]?.model}, Linux ${release()}`,
    minutes,
    warmUpSeconds: minutes * 60 * WARM_UP_SHARE,
    maximum,
    rate,
    counts: load.counts,
    trouble: trouble.counts,
    atRest: { before, after },
    samples,
  }
}

function report(result: Soak): string {
  const { counts, atRest } = result
  const failed = Object.entries(counts.failed)
  const failures = failed.reduce((sum, [, count]) => sum + count, 0)
  const beside = Object.entries(result.trouble).map(([what, count]) => `${what}: ${count}`)
  return `${[
    `Measured on ${result.date.slice(0, 10)}: ${result.minutes} minutes at ${result.rate} requests a second; the`,
    `maximum for this mix is ${Math.round(result.maximum)}; ${result.machine}. ${counts.ok.toLocaleString('en')} requests succeeded, ${failures} failed`,
    `(${failed.map(([what, count]) => `${what}: ${count}`).join('; ') || 'none'}), ${counts.dropped} were not sent in time.`,
    `Beside them: ${beside.sort().join('; ')}.`,
    '',
    ...table(
      ['series', 'mean', 'slope an hour', 'growth of the run', 'noise', 'flat'],
      trendRows(trendsOf(result.samples, result.warmUpSeconds)),
    ),
    '',
    ...table(
      ['at rest', 'before the load', 'after it'],
      [
        [
          'descriptors of all processes',
          atRest.before.treeDescriptors,
          atRest.after.treeDescriptors,
        ],
        [
          'descriptors of the control plane',
          atRest.before.serviceDescriptors,
          atRest.after.serviceDescriptors,
        ],
        ['processes', atRest.before.processes, atRest.after.processes],
      ].map((row) => row.map(String)),
    ),
  ].join('\n')}\n`
}

const space = new Workspace()
const upstream = await httpUpstream((_request, response) => response.end('from the upstream'))
let status = 1
try {
  await deployAll(space)
  const service = await space.serve(
    '--pool-idle-timeout',
    IDLE_TIMEOUT,
    '--egress-allow-private',
    upstream.address,
  )
  try {
    const result = await soak(service, `http://${upstream.address}/`)
    const text = report(result)
    if (flags.out !== undefined) writeFileSync(flags.out, JSON.stringify(result))
    if (flags.markdown !== undefined) writeFileSync(flags.markdown, text)
    process.stdout.write(text)
    const grown = Object.entries(trendsOf(result.samples, result.warmUpSeconds))
      .filter(([, { flat }]) => !flat)
      .map(([name]) => `${name} grows`)
    const leaks = [...grown, ...notReturned(result.atRest)]
    for (const leak of leaks) say(leak)
    status = leaks.length > 0 ? 1 : 0
  } finally {
    await service.stop()
  }
} finally {
  upstream.close()
  space.remove()
}
process.exit(status)
